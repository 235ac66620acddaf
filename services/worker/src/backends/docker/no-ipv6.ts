/**
 * The kernel's settings by which a container has no IPv6 address, on the interfaces that it begins with (`all`) nor on those that
 * come later (`default`): the host's guard has rules for IPv4 alone, and an engine may leave link-local addresses (26.0.0 did).
 * Empty on a kernel without IPv6, where the engine makes such a container and cannot start it: "open
 * /proc/sys/net/ipv6/conf/all/disable_ipv6: no such file or directory".
 */
export const noIpv6 = (hasIpv6: boolean): Record<string, string> =>
  hasIpv6 ? { 'net.ipv6.conf.all.disable_ipv6': '1', 'net.ipv6.conf.default.disable_ipv6': '1' } : {}
