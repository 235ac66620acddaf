import cloudflare from './cloudflare.json' with { type: 'json' }
import type { EdgeSettings } from './settings.ts'

/** Whose word about the caller's address is believed, and what is counted as one caller. */
export function callerLines({ realIp }: EdgeSettings): string[] {
  return [...believed(realIp), subscriber]
}

function believed(realIp: EdgeSettings['realIp']): string[] {
  if (realIp === 'none') return []
  const blocks = realIp === 'cloudflare' ? cloudflare.blocks : realIp
  return [
    ...blocks.map((block) => `set_real_ip_from ${block};`),
    `real_ip_header ${realIp === 'cloudflare' ? 'CF-Connecting-IP' : 'X-Forwarded-For'};`,
    'real_ip_recursive on;',
    `geo $realip_remote_addr $through_proxy {\n  default 0;\n${blocks.map((block) => `  ${block} 1;`).join('\n')}\n}`,
  ]
}

/** Closes the connection of whoever comes around the proxy, where the operator asked for that. */
export const proxyLine = ({ onlyThroughProxy }: EdgeSettings): string[] =>
  onlyThroughProxy ? ['if ($through_proxy = 0) { return 444; }'] : []

// One subscriber has a /64 of IPv6 and may call from any address in it; IPv4 within IPv6 is IPv4. By bytes: its text has many forms.
const subscriber = `map $binary_remote_addr $subscriber {
  default $binary_remote_addr;
  "~(?s)^\\x00{10}\\xff\\xff(?<mapped_v4>.{4})$" $mapped_v4;
  "~(?s)^(?<net_v6>.{8}).{8}$" $net_v6;
}`

/**
 * Limits by caller. A browser's question before a request (OPTIONS) is no call. Bursts: an address may begin with a minute's worth of
 * sign-ins, and with what a dozen opened pages ask of the api at once; nobody is made to wait, who is past it is refused.
 */
export function limitLines({ authPerMinute, apiPerSecond }: EdgeSettings): string[] {
  return [
    `map $request_method $counted {
  default $subscriber;
  OPTIONS "";
}`,
    ...authZones.map((zone) => `limit_req_zone $counted zone=${zone}:2m rate=${authPerMinute}r/m;`),
    `limit_req_zone $counted zone=api:10m rate=${apiPerSecond}r/s;`,
    'limit_conn_zone $subscriber zone=requests:10m;',
    'limit_conn_zone $subscriber zone=sockets:10m;',
    'limit_req_status 429;',
    'limit_conn_status 429;',
    `map $met_limit $retry_after {
  default 1;
  auth ${Math.max(1, Math.ceil(60 / authPerMinute))};
}`,
    `map $met_limit $rate_limit {
  default ${apiPerSecond};
  auth ${authPerMinute};
}`,
  ]
}

/** Each counted apart, so that signing in does not use up the tries to show a password again. */
const authZones = ['sign_in', 'sign_up', 'step_up', 'password'] as const
export type AuthZone = (typeof authZones)[number]

/** Where a secret can be guessed or an account be made, and what that counts as. */
export const authPaths: Record<'console' | 'admin', Record<string, AuthZone>> = {
  console: {
    '/api/auth/login': 'sign_in',
    '/api/auth/login/recovery-code': 'sign_in',
    '/api/auth/signup': 'sign_up',
    '/api/auth/step-up': 'step_up',
    '/api/auth/step-up/recovery-code': 'step_up',
    '/api/auth/password': 'password',
  },
  admin: {
    '/api/admin/auth/login': 'sign_in',
    '/api/admin/auth/second-factor/recovery-code': 'step_up',
    '/api/admin/auth/step-up': 'step_up',
  },
}

export const authLimit = (zone: AuthZone, { authPerMinute }: EdgeSettings): string[] => [
  'set $met_limit auth;',
  `limit_req zone=${zone}${authPerMinute > 1 ? ` burst=${authPerMinute - 1} nodelay` : ''};`,
]
export const apiLimit = ({ apiPerSecond }: EdgeSettings): string =>
  `limit_req zone=api burst=${apiPerSecond * 5} nodelay;`
