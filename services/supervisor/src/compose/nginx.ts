import { join } from 'node:path'
import type { Variables } from '../env-files.ts'
import type { Installation } from '../installation.ts'
import { ensureFolder } from '../prepare.ts'

type Write = (path: string, text: string, options: { mode: number }) => Promise<void>

/** The settings of nginx and of the two servers of pages; anybody may read them, they hold no secret. */
export async function writeNginx(
  folder: string,
  { publicUrl, files }: Installation,
  at: Variables,
  write: Write,
): Promise<void> {
  await ensureFolder(folder, 0o755)
  const adminUrl = files.api['NORA_ADMIN_URL'] || publicUrl
  const [publicHost, adminHost] = [publicUrl, adminUrl].map((url) => new URL(url).hostname)
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map(
    (kind) => `${kind}_temp_path /tmp/${kind};`,
  )
  const head = `worker_processes auto;
pid /tmp/nginx.pid;
error_log stderr crit;
events { worker_connections 4096; }
`
  const api = `location /api/ {
      proxy_pass http://${at['NORA_EDGE_API']}:8080;
      proxy_http_version 1.1;
      proxy_set_header Host $http_host;
      proxy_set_header X-Forwarded-For $remote_addr;
      proxy_set_header X-Forwarded-Proto https;
      proxy_set_header Upgrade $http_upgrade;
      proxy_set_header Connection $connection_upgrade;
      proxy_buffering off;
      proxy_read_timeout 3600s;
    }`
  const site = (host: string | undefined, pages: string) => `server {
    listen 8443 ssl http2;
    server_name ${host};
    ssl_certificate /run/secrets/fullchain.pem;
    ssl_certificate_key /run/secrets/privkey.pem;
    client_max_body_size 100m;
    ${api}
    location / { proxy_pass http://${pages}:8080; proxy_set_header Host $http_host; }
  }`
  const edge = `${head}http {
  ${temporary.join(' ')}
  access_log /dev/stdout;
  map $http_upgrade $connection_upgrade { default upgrade; "" ""; }
  server { listen 8080; return 308 ${publicUrl}$request_uri; }
  ${site(publicHost, at['NORA_EDGE_CONSOLE'] ?? '')}
  ${site(adminHost, at['NORA_EDGE_ADMIN'] ?? '')}
}
`
  const pages = (app: 'console' | 'admin', url: string) => `${head}http {
  ${temporary.join(' ')}
  access_log off;
  include /etc/nginx/mime.types;
  server {
    listen 8080;
    root /srv/${app};
    location / {
      try_files $uri ${app === 'admin' ? '/admin' : ''}/index.html;
      sub_filter __NONCE__ $request_id;
      sub_filter_once off;
      add_header content-security-policy "default-src 'none'; script-src 'self'; style-src 'self' 'nonce-$request_id'; img-src 'self'; font-src 'self'; connect-src 'self' ${url.replace(/^http/, 'ws')}; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";
    }
  }
}
`
  await write(join(folder, 'nginx.conf'), edge, { mode: 0o644 })
  await write(join(folder, 'console.conf'), pages('console', publicUrl), { mode: 0o644 })
  await write(join(folder, 'admin.conf'), pages('admin', adminUrl), { mode: 0o644 })
}
