import { apiLimit, authLimit, authPaths } from './callers.ts'
import { block, type Lines } from './layout.ts'
import { authorityOf } from './origins.ts'
import { addHeaders, transportHeaders } from './problems.ts'
import type { EdgeSettings } from './settings.ts'

/**
 * What an upstream is told: the name that we have given it, and the caller's address as the only word about who stands behind. Whatever the
 * caller says about that is dropped. Without `proxy_pass`'s own path the address goes on byte for byte.
 */
export const toUpstream = (authority: string, more: Record<string, string> = {}): string[] =>
  Object.entries({
    Host: authority,
    Connection: '',
    Upgrade: '',
    'X-Forwarded-For': '$remote_addr',
    'X-Forwarded-Proto': 'https',
    ...Object.fromEntries(dropped.map((name) => [name, ''])),
    ...more,
  }).map(([name, value]) => `proxy_set_header ${name} ${value === '' ? '""' : value};`)
const dropped = [
  'Forwarded',
  'X-Real-IP',
  'X-Forwarded-Host',
  'X-Forwarded-Port',
  'X-Forwarded-Server',
  'X-Forwarded-Prefix',
  'X-Original-URL',
  'X-Rewrite-URL',
  'X-Correlation-Id',
  'X-Request-Id',
  'CF-Connecting-IP',
  'True-Client-IP',
  'Proxy',
]

/** By which an upstream would speak to nginx, of files or of how an answer is sent. */
export const ignoredHeaders = ['X-Accel-Redirect', 'X-Accel-Expires', 'X-Accel-Limit-Rate', 'X-Accel-Charset']

const authLocations = (settings: EdgeSettings, app: 'console' | 'admin') =>
  Object.entries(authPaths[app]).flatMap(([path, zone]) =>
    block(`location = ${path}`, [...authLimit(zone, settings), 'proxy_pass http://nora_api;']),
  )

/** Sockets: the api pings each every 25 seconds. */
const socketLocation = (settings: EdgeSettings, location: string, host: string) =>
  block(`location ${location}`, [
    apiLimit(settings),
    `limit_conn requests ${settings.connectionsPerAddress};`,
    `limit_conn sockets ${Math.ceil(settings.connectionsPerAddress / 2)};`,
    ...toUpstream(authorityOf(settings, host), {
      Connection: '$socket_connection',
      Upgrade: '$socket_upgrade',
    }),
    'client_max_body_size 1k;',
    'proxy_buffering off;',
    'proxy_read_timeout 120s;',
    'proxy_send_timeout 120s;',
    'proxy_pass http://nora_api;',
  ])

const pagesLocation = (settings: EdgeSettings, location: string, app: 'console' | 'admin', host: string) =>
  block(`location ${location}`, [
    '# A page is the same for everybody: who asks is nobody’s business there.',
    ...toUpstream(authorityOf(settings, host), { Cookie: '', Authorization: '' }),
    'client_max_body_size 1k;',
    ...addHeaders({ 'x-correlation-id': '$correlation_id', ...transportHeaders(settings.realCertificate) }),
    `proxy_pass http://nora_${app};`,
  ])

/** Where the console's host leads. */
export function consolePaths(settings: EdgeSettings): Lines {
  return [
    ...authLocations(settings, 'console'),
    ...socketLocation(settings, '^~ /api/ws/', settings.publicHost),
    '# An agent’s own api: bodies and answers pass as they come, and an agent may think for minutes.',
    ...block('location ~ ^/api/(?:agent-hub/)?agents/[^/]+/invoke(?:/|$)', [
      apiLimit(settings),
      `client_max_body_size ${settings.invokeMaxBodyMb}m;`,
      'client_body_buffer_size 64k;',
      'proxy_request_buffering off;',
      'proxy_buffering off;',
      '# Nor does an agent decide about buffering.',
      `proxy_ignore_headers ${[...ignoredHeaders, 'X-Accel-Buffering'].join(' ')};`,
      'proxy_read_timeout 320s;',
      'proxy_send_timeout 320s;',
      'proxy_pass http://nora_api;',
    ]),
    ...block('location = /api', [apiLimit(settings), 'proxy_pass http://nora_api;']),
    ...block('location /api/', [apiLimit(settings), 'proxy_pass http://nora_api;']),
    ...pagesLocation(settings, '/', 'console', settings.publicHost),
  ]
}

/** Where the admin app's host leads, besides what watches the server. */
export function adminPaths(settings: EdgeSettings): Lines {
  const { adminHost } = settings
  return [
    ...authLocations(settings, 'admin'),
    ...socketLocation(settings, '= /api/ws/admin', adminHost),
    ...block('location ^~ /api/admin/', [apiLimit(settings), 'proxy_pass http://nora_api;']),
    ...pagesLocation(settings, '= /admin', 'admin', adminHost),
    ...pagesLocation(settings, '^~ /admin/', 'admin', adminHost),
  ]
}
