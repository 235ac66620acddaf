import {
  answerHeaders,
  type CaptchaWidget,
  closedPolicy,
  contentPolicy,
  fileCaching,
  pageHeaders,
  pageMarks,
  pagesWithCaptcha,
} from '../../shared/contract/src/page-policy.ts'
import { block, commonLines, flat, processLines } from './layout.ts'
import { originOf } from './origins.ts'
import { addHeaders, correlationId, problemPages } from './problems.ts'
import type { EdgeSettings } from './settings.ts'

/**
 * nginx.conf of the server that has the console's or the admin app's pages: files that the build made and nothing else, hashed
 * ones for ever and compressed, pages never from a cache, each with a policy and a nonce of its own ($request_id: 128 random bits).
 */
export function pagesConf(settings: EdgeSettings, app: 'console' | 'admin'): string {
  const name = `nora-${app}`
  const base = app === 'admin' ? '/admin/' : '/'
  const origin = originOf(settings, app === 'admin' ? settings.adminHost : settings.publicHost)
  const widget: CaptchaWidget | undefined = settings.captcha === 'none' ? undefined : settings.captcha
  const page = (policyWidget?: CaptchaWidget) => [
    ...addHeaders({
      ...pageHeaders,
      ...answerHeaders,
      'content-security-policy': contentPolicy(origin, '$request_id', policyWidget),
    }),
    `sub_filter ${pageMarks.nonce} $request_id;`,
    ...(app === 'admin'
      ? [`sub_filter ${pageMarks.consoleOrigin} ${originOf(settings, settings.publicHost)};`]
      : []),
    'sub_filter_once off;',
    'etag off;',
    'if_modified_since off;',
    'max_ranges 0;',
    `rewrite ^ ${base}index.html break;`,
  ]
  const files = (caching: string) => [
    ...addHeaders({ 'cache-control': caching, 'content-security-policy': closedPolicy, ...answerHeaders }),
    'gzip_static on;',
    'gzip_vary on;',
  ]
  const asking = app === 'console' && widget ? pagesWithCaptcha : []
  const lines = [
    ...processLines(settings, name),
    ...block('http', [
      ...commonLines(settings, name),
      'access_log off;',
      correlationId,
      ...block('types', [
        'text/html html;',
        'text/css css;',
        'application/javascript js mjs;',
        'text/markdown md;',
        'application/json json map;',
        'image/svg+xml svg;',
        'image/png png;',
        'image/x-icon ico;',
        'font/woff2 woff2;',
      ]),
      'default_type application/octet-stream;',
      'charset utf-8;',
      'charset_types text/css application/javascript text/markdown application/json;',
      ...block('server', [
        `listen ${settings.pagesPort} default_server;`,
        'server_name _;',
        'absolute_redirect off;',
        `root ${settings.pagesDir};`,
        'client_max_body_size 1k;',
        ...problemPages({ realCertificate: false, limits: false }),
        'if ($request_method !~ ^(GET|HEAD)$) { return 404; }',
        'location = /.health { return 204; }',
        '# Compressed copies go out in place of their originals alone; a dot begins no name of ours.',
        'location ~ \\.(?:br|gz)$ { return 404; }',
        'location ~ /\\. { return 404; }',
        ...(app === 'admin'
          ? [
              'location = / { return 302 /admin/; }',
              'location = /admin { return 302 /admin/; }',
              'location / { return 404; }',
            ]
          : []),
        ...asking.flatMap((path) => block(`location = ${path}`, page(widget))),
        ...block(`location ${base}`, page()),
        ...block(`location = ${base}index.html`, ['return 404;']),
        '# What looks like a file is one, or is missing.',
        ...block(`location ~ ^${base}(?!assets/).*\\.[^/]*$`, files(fileCaching.other)),
        ...block(`location ~ ^${base}assets/`, files(fileCaching.forEver)),
      ]),
    ]),
  ]
  return `${flat(lines).join('\n')}\n`
}
