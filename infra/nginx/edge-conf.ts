import { apiLimit, callerLines, limitLines, proxyLine } from './callers.ts'
import { block, commonLines, flat, type Lines, processLines } from './layout.ts'
import { adminPaths, consolePaths, ignoredHeaders, toUpstream } from './locations.ts'
import { authorityOf, originOf } from './origins.ts'
import { addHeaders, correlationId, problemPages, transportHeaders } from './problems.ts'
import { type EdgeSettings, parseHost } from './settings.ts'

/** nginx.conf of the edge: the one process that others reach. TLS, limits, and which host name leads where. */
export function edgeConf(settings: EdgeSettings): string {
  const lines = [
    ...processLines(settings, 'nora-edge'),
    ...block('http', [
      ...commonLines(settings, 'nora-edge'),
      'types { }',
      'default_type application/octet-stream;',
      ...callerLines(settings),
      correlationId,
      ...limitLines(settings),
      ...logLines(settings),
      ...tlsLines(settings),
      ...proxyLines,
      ...upstreams(settings),
      ...block('server', [
        `listen 127.0.0.1:${settings.healthPort};`,
        'access_log off;',
        'location = / { return 204; }',
        'location / { return 404; }',
      ]),
      ...plainServers(settings),
      ...strangers(settings),
      ...appServers(settings),
      ...agentsServer(settings),
    ]),
  ]
  return `${flat(lines).join('\n')}\n`
}

// Neither query nor header is written down: a query may hold what signs somebody in. `id` is in the answer's X-Correlation-Id, `apiId` in the api's log.
const logLines = ({ accessLog }: EdgeSettings): string[] => [
  `map $request_uri $path_alone {
  "~^(?<before_query>[^?#]*)" $before_query;
}`,
  `log_format line escape=json '{"time":"$time_iso8601","service":"nginx","ip":"$remote_addr","peer":"$realip_remote_addr",'
  '"host":"$host","method":"$request_method","path":"$path_alone","protocol":"$server_protocol","status":$status,'
  '"bytes":$bytes_sent,"seconds":$request_time,"upstream":"$upstream_addr","upstreamStatus":"$upstream_status",'
  '"limit":"$limit_req_status","id":"$correlation_id","apiId":"$upstream_http_x_correlation_id"}';`,
  accessLog === 'off' ? 'access_log off;' : `access_log ${accessLog} line;`,
]

// Source of protocols and ciphers: Mozilla's intermediate profile, version 5.7, without finite-field DHE.
const tlsLines = ({ certDir, ocspStapling }: EdgeSettings): string[] => [
  `ssl_certificate ${certDir}/fullchain.pem;`,
  `ssl_certificate_key ${certDir}/privkey.pem;`,
  'ssl_protocols TLSv1.2 TLSv1.3;',
  `ssl_ciphers ${[
    'ECDHE-ECDSA-AES128-GCM-SHA256',
    'ECDHE-RSA-AES128-GCM-SHA256',
    'ECDHE-ECDSA-AES256-GCM-SHA384',
    'ECDHE-RSA-AES256-GCM-SHA384',
    'ECDHE-ECDSA-CHACHA20-POLY1305',
    'ECDHE-RSA-CHACHA20-POLY1305',
  ].join(':')};`,
  'ssl_prefer_server_ciphers off;',
  'ssl_session_cache shared:tls:10m;',
  'ssl_session_timeout 1h;',
  '# A ticket would be sealed with a key that nobody exchanges.',
  'ssl_session_tickets off;',
  ...(ocspStapling ? ['ssl_stapling on;', 'ssl_stapling_verify on;'] : []),
]

const proxyLines = [
  'proxy_http_version 1.1;',
  'proxy_connect_timeout 5s;',
  'proxy_send_timeout 60s;',
  'proxy_read_timeout 60s;',
  'proxy_next_upstream error;',
  '# Bodies hold secrets: what nginx buffers stays in memory.',
  'client_max_body_size 1m;',
  'client_body_buffer_size 1m;',
  'proxy_max_temp_file_size 0;',
  '# An upstream says nothing about files of ours, and how browsers are to connect is said here.',
  `proxy_ignore_headers ${ignoredHeaders.join(' ')};`,
  'proxy_hide_header Strict-Transport-Security;',
  'proxy_hide_header X-Powered-By;',
  'map $http_upgrade $socket_upgrade {\n  default "";\n  websocket websocket;\n}',
  'map $http_upgrade $socket_connection {\n  default "";\n  websocket upgrade;\n}',
]

const upstreams = (settings: EdgeSettings): string[] =>
  (['api', 'console', 'admin'] as const).flatMap((name) =>
    block(`upstream nora_${name}`, [
      `server ${settings[`${name}Upstream`]} max_fails=0;`,
      'keepalive 64;',
      '# Shorter than any of them keeps a connection, so that none is used while it closes.',
      'keepalive_timeout 55s;',
    ]),
  )

const listen = ({ listen: addresses }: EdgeSettings, port: number, words: string): string[] =>
  addresses.map((address) => `listen ${address.includes(':') ? `[${address}]` : address}:${port}${words};`)

/** Plain http: the answers that an ACME server looks for, and the way to https. Nothing else is said, and to nobody else. */
function plainServers(settings: EdgeSettings): string[] {
  const { publicHost, adminHost, agentsDomain, acmeWebroot } = settings
  const names = [...new Set([publicHost, adminHost])]
  const acme = block('location ^~ /.well-known/acme-challenge/', [
    `root ${acmeWebroot};`,
    'default_type text/plain;',
    'try_files $uri =404;',
  ])
  const server = (name: string, lines: Lines) =>
    block('server', [
      ...listen(settings, settings.httpPort, ''),
      `server_name ${name};`,
      ...problemPages({ realCertificate: false, limits: true }),
      'limit_conn requests 64;',
      ...acme,
      ...lines,
    ])
  return [
    ...block('server', [
      ...listen(settings, settings.httpPort, ' default_server'),
      'server_name _;',
      'return 444;',
    ]),
    ...names.flatMap((name) =>
      server(name, block('location /', [`return 301 ${originOf(settings, name)}$request_uri;`])),
    ),
    ...(agentsDomain === undefined
      ? []
      : server(`${agentsDomain} *.${agentsDomain}`, ['location / { return 404; }'])),
  ]
}

/** Whoever calls by a name that is not ours gets no handshake, or behind one that was ours no answer but that. */
function strangers(settings: EdgeSettings): string[] {
  // An address is never named in a handshake (RFC 6066 3): where one is ours, any handshake is taken, and Host alone decides.
  const named = [settings.publicHost, settings.adminHost].every((host) => !isAddress(host))
  return block('server', [
    ...listen(settings, settings.httpsPort, ' ssl http2 default_server'),
    'server_name _;',
    ...(named ? ['ssl_reject_handshake on;'] : []),
    ...problemPages({ realCertificate: false, limits: true }),
    'location / { return 421; }',
  ])
}
const isAddress = (host: string) =>
  host.startsWith('[') || (parseHost(host) !== undefined && /^[\d.]+$/.test(host))

function appServers(settings: EdgeSettings): string[] {
  const { publicHost, adminHost } = settings
  // Loopback may have both at one name; elsewhere each has its own, and neither has what is the other's.
  if (publicHost === adminHost)
    return appServer(settings, publicHost, [...adminPaths(settings), ...consolePaths(settings)])
  return [
    ...appServer(settings, publicHost, [
      '# Of the admin host alone.',
      ...absent(
        '= /admin',
        '^~ /admin/',
        '= /api/admin',
        '^~ /api/admin/',
        '= /api/ws/admin',
        '^~ /api/ws/admin/',
      ),
      ...consolePaths(settings),
    ]),
    ...appServer(settings, adminHost, [
      ...adminPaths(settings),
      `location = / { return 302 ${originOf(settings, adminHost)}/admin/; }`,
      '# For whoever watches the server, and what programs read.',
      ...['/api/healthz', '/api/readyz', '/api/openapi.json'].flatMap((path) =>
        block(`location = ${path}`, [apiLimit(settings), 'proxy_pass http://nora_api;']),
      ),
      ...absent('/'),
    ]),
  ]
}

const absent = (...locations: string[]) => locations.map((location) => `location ${location} { return 404; }`)

function appServer(settings: EdgeSettings, host: string, locations: Lines): string[] {
  return block('server', [
    ...listen(settings, settings.httpsPort, ' ssl http2'),
    `server_name ${host};`,
    'http2_max_concurrent_streams 64;',
    ...proxyLine(settings),
    ...problemPages({ realCertificate: settings.realCertificate, limits: true }),
    ...addHeaders(transportHeaders(settings.realCertificate)),
    `limit_conn requests ${settings.connectionsPerAddress};`,
    ...toUpstream(authorityOf(settings, host)),
    ...locations,
  ])
}

/** Reserved: in this version agents have no pages of their own, and nothing else may be found there. */
const agentsServer = (settings: EdgeSettings): string[] =>
  settings.agentsDomain === undefined
    ? []
    : block('server', [
        ...listen(settings, settings.httpsPort, ' ssl http2'),
        `server_name ${settings.agentsDomain} *.${settings.agentsDomain};`,
        ...problemPages({ realCertificate: settings.realCertificate, limits: true }),
        'location / { return 404; }',
      ])
