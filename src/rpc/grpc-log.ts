import { logVerbosity, setLogVerbosity } from '@grpc/grpc-js';

// grpc-js prints lines of its own on stderr; every failure it mentions also reaches us as an error, and is told once.
setLogVerbosity(logVerbosity.NONE);
