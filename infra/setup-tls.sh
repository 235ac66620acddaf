#!/usr/bin/env bash
# The certificate that nginx shows: made here for tests and a LAN, or got from an ACME server (Let's Encrypt) and renewed.
set -euo pipefail

here=$(cd "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")" && pwd)
# shellcheck source=infra/lib.sh
. "$here/lib.sh"

usage() {
  cat <<'END'
usage: setup-tls.sh --self-signed --public-host NAME --admin-host NAME [--agents-domain NAME] [--name NAME_OR_IP]...
       setup-tls.sh --certbot --email ADDRESS --public-host NAME --admin-host NAME [--staging]
       setup-tls.sh --renew | --status

  --self-signed       makes one certificate for these names, localhost and 127.0.0.1 (browsers warn: for tests and a LAN)
  --certbot           gets one from Let's Encrypt through the running nginx, which answers on port 80 of these names
  --staging           from its staging server: to try things out, browsers do not trust it
  --renew             renews what is due, as the timer does; --force renews it now
  --status            names, kind and days left; exit code 1 with less than 14 days, or none

  --config FOLDER     the installation's settings (default /etc/nora): the certificate goes into tls/ there, and where the stack of
                      containers runs, into its nginx, whose name and webroot are known then; or each by itself:
  --dir FOLDER        where fullchain.pem and privkey.pem go
  --also FOLDER       where else they go
  --owner UID         whom the key belongs to, nginx's user (default 10101; without root it is you)
  --container NAME    nginx's container, told to read the certificate anew; or
  --pid-file FILE     the file with nginx's process id
  --webroot FOLDER    acmeWebroot of nginx's settings, as this host sees it 
  --days N            how long a self-signed one is good, at most 825 (default 397)
  --force             also replaces a real certificate by a self-signed one
  --server URL        another ACME server
  --certbot-dir DIR   a folder for certbot in place of /etc/letsencrypt (then its timer does not know of it: --renew does)
END
}

action='' public='' admin='' agents='' email='' server='' container='' pid_file='' certbot_dir=''
config=/etc/nora dir='' also='' webroot='' owner=10101 days=397 staging='' force=''
extra=()

wrong() { fail "$1" "$0 --help"; }

# All of these may end in a command that certbot keeps and runs: nothing but plain characters.
is_name() {
  [ "${#1}" -le 253 ] && [[ $1 =~ ^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*$ ]] && ! [[ $1 =~ (^|\.)[0-9]+$ ]]
}
is_ipv4() {
  local part
  [[ $1 =~ ^([0-9]{1,3})\.([0-9]{1,3})\.([0-9]{1,3})\.([0-9]{1,3})$ ]] || return 1
  for part in "${BASH_REMATCH[@]:1}"; do [ "$part" -le 255 ] || return 1; done
}
is_ip() { is_ipv4 "$1" || [[ $1 =~ ^[0-9a-f:]*:[0-9a-f:]+$ ]]; }
is_path() { [[ $1 =~ ^(/[A-Za-z0-9._@+-]+)+$ ]] && ! [[ $1 =~ /\.\.?(/|$) ]]; }

while [ $# -gt 0 ]; do
  case $1 in
    --self-signed | --certbot | --renew | --status | --deploy)
      [ -z "$action" ] || wrong "$1 and --$action cannot both be done"
      action=${1#--}
      ;;
    --staging) staging=yes ;;
    --force) force=yes ;;
    --help | -h)
      usage
      exit 0
      ;;
    --public-host | --admin-host | --agents-domain | --name | --email | --server | --config | --dir | --also | --owner | --container | --pid-file | --webroot | --days | --certbot-dir)
      [ $# -ge 2 ] || wrong "$1 needs a value"
      value=$2
      case $1 in
        --public-host | --admin-host | --agents-domain | --name)
          value=$(printf %s "$value" | tr '[:upper:]' '[:lower:]')
          [[ $value != \[*\] ]] || value=${value:1:-1} # as an address of IPv6 stands in a URL
          is_name "$value" || is_ip "$value" || wrong "$1 must be a host name or an address, without scheme and port"
          ;;
        --email) [[ $value =~ ^[A-Za-z0-9._%+-]+@[A-Za-z0-9.-]+\.[A-Za-z]{2,}$ ]] || wrong "$1 must be an e-mail address" ;;
        --server) [[ $value =~ ^https?://[A-Za-z0-9._:/-]+$ ]] || wrong "$1 must be the URL of an ACME directory" ;;
        --owner) [[ $value =~ ^[0-9]{1,9}$ ]] || wrong "$1 must be a user id" ;;
        --container) [[ $value =~ ^[A-Za-z0-9][A-Za-z0-9_.-]{0,127}$ ]] || wrong "$1 must be the name or id of a container" ;;
        --days) [[ $value =~ ^[0-9]{1,3}$ ]] && [ "$value" -ge 1 ] && [ "$value" -le 825 ] || wrong "$1 must be 1 to 825" ;;
        *) is_path "$value" || wrong "$1 must be an absolute path of letters, digits and . _ @ + - alone" ;;
      esac
      case $1 in
        --public-host) public=$value ;;
        --admin-host) admin=$value ;;
        --agents-domain) agents=$value ;;
        --name) extra+=("$value") ;;
        --email) email=$value ;;
        --server) server=$value ;;
        --config) config=$value ;;
        --dir) dir=$value ;;
        --also) also=$value ;;
        --owner) owner=$value ;;
        --container) container=$value ;;
        --pid-file) pid_file=$value ;;
        --webroot) webroot=$value ;;
        --days) days=$value ;;
        --certbot-dir) certbot_dir=$value ;;
      esac
      shift
      ;;
    *) wrong "there is no option ${1:0:40}" ;;
  esac
  shift
done
[ -n "$action" ] || wrong 'say what to do'

# What the stack of containers was filled with. NAME: its value there; nothing where it does not run.
of_stack() { sed -n "s/^$1=['\"]\{0,1\}\([A-Za-z0-9._@+\/-]*\)['\"]\{0,1\}\$/\1/p" "$config/compose/.env" 2>/dev/null || true; }
if [ -z "$dir" ]; then
  dir=$config/tls
  project=$(of_stack NORA_PROJECT)
  if [ -n "$project" ]; then
    [ -n "$also" ] || also=$config/compose/secrets/nginx
    [ -n "$webroot" ] || webroot=$(of_stack NORA_DATA_DIR)/acme
    [ -n "$container$pid_file" ] || container=$project-nginx
  fi
fi
[ -n "$webroot" ] || webroot=/var/lib/nora/acme
[ -z "$container" ] || [ -z "$pid_file" ] || wrong 'say --container or --pid-file, not both'

# kind FILE: self-signed, staging or issued.
kind() {
  local issuer subject
  issuer=$(openssl x509 -in "$1" -noout -issuer -nameopt RFC2253)
  subject=$(openssl x509 -in "$1" -noout -subject -nameopt RFC2253)
  if [ "${issuer#issuer=}" = "${subject#subject=}" ]; then
    echo self-signed
  elif [[ $issuer == *'(STAGING)'* ]]; then
    echo staging
  else
    echo issued
  fi
}
# names FILE: every name that it is for, one a line, sorted.
names() {
  openssl x509 -in "$1" -noout -ext subjectAltName | tail -n +2 | tr ',' '\n' | sed 's/^ *//; s/^DNS://; s/^IP Address://' | sort -u
}
# is_for FILE NAME...: it is for these names and no other. An address has several spellings, which openssl knows.
is_for() {
  local file=$1 name
  shift
  [ "$(names "$file" | wc -l)" -eq $# ] || return 1
  for name in "$@"; do
    if is_ip "$name"; then
      openssl x509 -in "$file" -noout -checkip "$name" | grep -q 'does match' || return 1
    else
      names "$file" | grep -qxF -- "$name" || return 1
    fi
  done
}
days_left() {
  local end
  end=$(date -d "$(openssl x509 -in "$1" -noout -enddate | cut -d= -f2)" +%s)
  echo $(((end - $(date +%s)) / 86400))
}

# put CHAIN KEY: both in place, the key for nginx's user alone; nginx reads them anew. A pair that does not belong together stays out.
put() {
  local folder changed=''
  [ "$(openssl x509 -in "$1" -noout -pubkey)" = "$(openssl pkey -in "$2" -pubout)" ] ||
    fail 'the certificate and the key do not belong together' 'give the two files of one certificate'
  for folder in "$dir" ${also:+"$also"}; do
    if cmp -s "$1" "$folder/fullchain.pem" && cmp -s "$2" "$folder/privkey.pem"; then continue; fi
    put_into "$folder" "$1" "$2"
    note "the certificate is in $folder"
    changed=yes
  done
  if [ -n "$changed" ]; then reload; else note 'this certificate is in place already'; fi
}

# put_into FOLDER CHAIN KEY: beside their places, then renamed: a reader sees the old or the new one whole.
put_into() {
  local fresh
  mkdir -p "$1"
  fresh=$(mktemp -d "$1/.new.XXXXXX")
  (
    umask 077
    cat "$3" >"$fresh/privkey.pem"
    cat "$2" >"$fresh/fullchain.pem"
  )
  if [ "$1" = "$dir" ]; then
    chmod 644 "$fresh/fullchain.pem"
    chmod 600 "$fresh/privkey.pem"
  else
    chmod 400 "$fresh/fullchain.pem" "$fresh/privkey.pem" # as everything stands there
  fi
  if is_root; then chown "$owner:$owner" "$fresh/fullchain.pem" "$fresh/privkey.pem"; fi
  mv -f "$fresh/privkey.pem" "$1/privkey.pem"
  mv -f "$fresh/fullchain.pem" "$1/fullchain.pem"
  rmdir "$fresh"
}

# nginx checks what it reads: with a broken pair it goes on with the one it has.
reload() {
  local pid
  if [ -n "$container" ]; then
    if docker kill -s HUP "$container" >/dev/null; then note "$container reads it anew"; else note "$container does not run: it will read it when it starts"; fi
  elif [ -n "$pid_file" ]; then
    # nginx's own user writes it: no other process is told, whatever stands there.
    pid=$(head -c 20 "$pid_file" 2>/dev/null || true)
    if [[ $pid =~ ^[1-9][0-9]*$ ]] && [ "$(cat "/proc/$pid/comm" 2>/dev/null)" = nginx ] && kill -HUP "$pid" 2>/dev/null; then note 'nginx reads it anew'; else note 'nginx does not run: it will read it when it starts'; fi
  else
    note 'tell nginx to read it anew: docker kill -s HUP <container>'
  fi
}

need_hosts() {
  [ -n "$public" ] || wrong '--public-host is missing'
  [ -n "$admin" ] || wrong '--admin-host is missing'
}

self_signed() {
  need_hosts
  local wanted=("$public" "$admin" localhost 127.0.0.1 "${extra[@]}") alternatives='' name made
  [ -z "$agents" ] || wanted+=("$agents" "*.$agents")
  mapfile -t wanted < <(printf '%s\n' "${wanted[@]}" | sort -u)
  if [ -s "$dir/fullchain.pem" ]; then
    if [ "$(kind "$dir/fullchain.pem")" = issued ] && [ -z "$force" ]; then
      fail "$dir holds a real certificate" 'keep it; --force replaces it by a self-signed one'
    fi
    if [ "$(kind "$dir/fullchain.pem")" = self-signed ] && [ -z "$force" ] &&
      is_for "$dir/fullchain.pem" "${wanted[@]}" && [ "$(days_left "$dir/fullchain.pem")" -ge 30 ]; then
      put "$dir/fullchain.pem" "$dir/privkey.pem"
      note "it is good for $(days_left "$dir/fullchain.pem") days"
      return
    fi
  fi
  for name in "${wanted[@]}"; do
    if is_ip "$name"; then alternatives+=",IP:$name"; else alternatives+=",DNS:$name"; fi
  done
  made=$(mktemp -d)
  # shellcheck disable=SC2064  # now, while the name is known
  trap "rm -rf '$made'" EXIT
  # The name of the subject has 64 characters at most, and nobody looks at it: names stand in subjectAltName.
  (
    umask 077
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -sha256 -nodes -days "$days" \
      -subj "/CN=Nora, self-signed" -addext "subjectAltName=${alternatives#,}" \
      -addext 'basicConstraints=critical,CA:FALSE' -addext 'keyUsage=critical,digitalSignature' \
      -addext 'extendedKeyUsage=serverAuth' -keyout "$made/key" -out "$made/chain" 2>"$made/log"
  ) || {
    cat "$made/log" >&2
    fail 'openssl could not make the certificate' 'read the lines above'
  }
  put "$made/chain" "$made/key"
  note "SHA-256 fingerprint, to compare with what the browser shows: $(openssl x509 -in "$dir/fullchain.pem" -noout -fingerprint -sha256 | cut -d= -f2)"
}

# certbot's folders, where they are not its own.
certbot_folders() {
  [ -z "$certbot_dir" ] || printf '%s\n' --config-dir "$certbot_dir/config" --work-dir "$certbot_dir/work" --logs-dir "$certbot_dir/logs"
}

certbot_get() {
  need_hosts
  is_path "$here" || fail "certbot cannot keep a command in $here" 'move the checkout to a path of plain characters'
  [ -n "$email" ] || wrong '--email is missing: whom to write to when a certificate ends'
  local host asked
  for host in "$public" "$admin"; do
    if is_ip "$host" || [[ $host != *.* ]] || [[ $host == *.localhost ]]; then
      fail "$host is no name that a public certificate can be for" 'use host names of your own, or --self-signed'
    fi
  done
  [ -z "$agents" ] || note "$agents is left out: one for *.$agents needs a DNS challenge, see docs/edge.md"
  # certbot runs it as root from then on.
  if is_root; then
    for host in setup-tls.sh lib.sh; do
      require_own "$here/$host" 'run it from the installed code, /opt/nora/infra/setup-tls.sh'
    done
  fi
  has certbot || fail 'certbot is not installed' 'apt-get install --no-install-recommends certbot'
  [ -d "$webroot" ] || fail "there is no folder $webroot" 'start nginx with it first, or say --webroot'
  mapfile -t asked < <(certbot_folders)
  [ -z "$staging" ] || asked+=(--staging)
  [ -z "$server" ] || asked+=(--server "$server")
  [ -z "$force" ] || asked+=(--force-renewal)
  certbot certonly --non-interactive --agree-tos --email "$email" --no-eff-email --cert-name nora --key-type ecdsa --elliptic-curve secp256r1 \
    --webroot --webroot-path "$webroot" --domain "$public" --domain "$admin" \
    --keep-until-expiring --renew-with-new-domains --deploy-hook "$(deploy_hook)" "${asked[@]}" ||
    fail 'certbot got no certificate' "see above; these names must lead to this machine's port 80. Try with --staging: refusals are counted"
  # The hook ran if the certificate is new; where it was there already, or was made for another folder, it comes into place here.
  deploy
  renewal
}

# What certbot keeps and runs after each renewal: plain characters alone, as everything was checked above.
deploy_hook() {
  printf '%s' "$here/setup-tls.sh --deploy --dir $dir --owner $owner"
  [ -z "$also" ] || printf ' --also %s' "$also"
  [ -z "$certbot_dir" ] || printf ' --certbot-dir %s' "$certbot_dir"
  [ -z "$container" ] || printf ' --container %s' "$container"
  [ -z "$pid_file" ] || printf ' --pid-file %s' "$pid_file"
}
deploy() {
  local live
  live=/etc/letsencrypt/live/nora
  [ -z "$certbot_dir" ] || live=$certbot_dir/config/live/nora
  [ -s "$live/fullchain.pem" ] || fail "there is no $live/fullchain.pem" "$0 --certbot"
  put "$live/fullchain.pem" "$live/privkey.pem"
}

renewal() {
  if [ -n "$certbot_dir" ]; then
    note "renew it twice a day: $here/setup-tls.sh --renew --certbot-dir $certbot_dir"
  elif has_systemd; then
    systemctl enable --now certbot.timer >/dev/null 2>&1 || fail 'certbot.timer could not be enabled' 'systemctl status certbot.timer'
    note "certbot.timer renews it"
  else
    note 'no systemd runs here: let cron renew it, with this line in /etc/cron.d/nora-tls:'
    note "17 3,15 * * * root $here/setup-tls.sh --renew"
  fi
}

renew() {
  has certbot || fail 'certbot is not installed' 'apt-get install --no-install-recommends certbot'
  local asked
  mapfile -t asked < <(certbot_folders)
  [ -z "$force" ] || asked+=(--force-renewal)
  # Only the timer's runs need to be spread over time.
  certbot renew --non-interactive --no-random-sleep-on-renew --cert-name nora "${asked[@]}" || fail 'certbot could not renew' 'see above'
}

status() {
  [ -s "$dir/fullchain.pem" ] || {
    echo "none: there is no $dir/fullchain.pem"
    exit 1
  }
  local left
  left=$(days_left "$dir/fullchain.pem")
  echo "kind: $(kind "$dir/fullchain.pem")"
  echo "names: $(names "$dir/fullchain.pem" | paste -sd ' ')"
  echo "days left: $left"
  [ "$left" -ge 14 ] || exit 1
}

case $action in
  self-signed) self_signed ;;
  certbot) certbot_get ;;
  deploy) deploy ;;
  renew) renew ;;
  status) status ;;
esac
