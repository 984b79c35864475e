import { loadFileDescriptorSetFromBuffer } from '@grpc/proto-loader';
import { ReflectionService } from '@grpc/reflection';
import { descriptorSetBase64 } from './gen/descriptor.ts';

/** gRPC reflection of everything in proto/. */
export function reflectionService(): ReflectionService {
  return new ReflectionService(loadFileDescriptorSetFromBuffer(Buffer.from(descriptorSetBase64, 'base64')));
}
