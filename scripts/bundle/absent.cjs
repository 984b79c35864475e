// Stands in for an optional package that the bundle leaves out.
module.exports = undefined;
