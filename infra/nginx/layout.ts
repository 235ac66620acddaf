import type { EdgeSettings } from './settings.ts'

/** The lines, each further in; nested lists are flattened. */
export type Lines = readonly (string | Lines)[]

/** A block of nginx's configuration: `name { lines }`. */
export const block = (name: string, lines: Lines): string[] => [`${name} {`, ...indent(flat(lines)), '}']

export const flat = (lines: Lines): string[] =>
  lines.flatMap((line) => (typeof line === 'string' ? line.split('\n') : flat(line)))

const indent = (lines: string[]) => lines.map((line) => (line === '' ? line : `  ${line}`))

/**
 * What stands at the top of every configuration: nothing needs root or a writable root folder, nothing is logged but on stdout and
 * stderr. The error log prints whole request lines, and so what queries hold: only what is critical may.
 */
export const processLines = ({ tmpDir }: EdgeSettings, name: string): string[] => [
  `# Made by infra/nginx/render.mjs; change its settings and run it again.`,
  'worker_processes auto;',
  'worker_rlimit_nofile 16384;',
  'worker_shutdown_timeout 30m;',
  'daemon off;',
  `pid ${tmpDir}/${name}.pid;`,
  'error_log stderr crit;',
  ...block('events', ['worker_connections 8192;']),
]

/** Temporary files, where the few that there are go; and manners common to all servers. */
export const commonLines = ({ tmpDir }: EdgeSettings, name: string): string[] => [
  ...['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map(
    (kind) => `${kind}_temp_path ${tmpDir}/${name}-${kind};`,
  ),
  'server_tokens off;',
  'sendfile on;',
  'tcp_nopush on;',
  'ignore_invalid_headers on;',
  'underscores_in_headers off;',
  'merge_slashes on;',
  'log_not_found off;',
  'uninitialized_variable_warn off;',
  'reset_timedout_connection on;',
  '# The api judges a header block of up to 16 KiB itself.',
  'client_header_buffer_size 2k;',
  'large_client_header_buffers 4 8k;',
  '# Who is slow is not waited for.',
  'client_header_timeout 15s;',
  'client_body_timeout 15s;',
  'send_timeout 30s;',
  'keepalive_timeout 65s;',
  'keepalive_requests 1000;',
]
