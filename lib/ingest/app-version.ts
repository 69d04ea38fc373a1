const largestMajor = 2146;
const largestComponent = 999;

/**
 * One to three numeric parts as one integer, `major·1 000 000 + minor·1 000 + patch`: order is
 * kept and different versions differ. Null if it is not such a version or a part is too large.
 */
export function encodeAppVersion(version: string): number | null {
  if (!/^[0-9]{1,9}(\.[0-9]{1,9}){0,2}$/.test(version)) return null;
  const [major = 0, minor = 0, patch = 0] = version.split('.').map(Number);
  if (major > largestMajor || minor > largestComponent || patch > largestComponent) return null;
  return major * 1_000_000 + minor * 1_000 + patch;
}
