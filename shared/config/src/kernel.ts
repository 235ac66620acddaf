import { existsSync } from 'node:fs'

/**
 * Whether the kernel that this process and the engine share knows IPv6. Booted with `ipv6.disable=1`, or built without it,
 * it has no such setting, in no network namespace (Documentation/networking/ipv6.rst). `proc`: where procfs is.
 */
export const kernelHasIpv6 = (proc = '/proc'): boolean =>
  existsSync(`${proc}/sys/net/ipv6/conf/all/disable_ipv6`)
