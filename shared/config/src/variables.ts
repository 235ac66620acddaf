/** The processes that read configuration; each reads its own variables and no others. */
export type Service = 'api' | 'worker' | 'migrate' | 'engine-proxy' | 'netguard'

type Variable = {
  readBy: readonly Service[]
  /** A secret may also come as `<NAME>_FILE`, a path whose content is the value. */
  secret?: true
  /** Services that refuse to boot in production when they find it: they must never hold it. */
  forbiddenTo?: readonly Service[]
}

/** Every variable there is. The readers accept no other name, and a test holds .env.example to this list. */
export const variables = {
  NODE_ENV: { readBy: ['api', 'worker', 'migrate', 'engine-proxy'] },
  NORA_LOG_LEVEL: { readBy: ['api', 'worker', 'engine-proxy'] },
  DATABASE_URL: { readBy: ['api', 'worker', 'migrate'], secret: true },
  REDIS_URL: { readBy: ['api', 'worker'], secret: true },
  SENTRY_DSN: { readBy: ['api', 'worker'], secret: true },

  NORA_BIND: { readBy: ['api'] },
  NORA_PORT: { readBy: ['api'] },
  NORA_INSTANCE: { readBy: ['api'] },
  NORA_ADMIN_URL: { readBy: ['api'] },
  NORA_CONSOLE_DIR: { readBy: ['api'] },
  NORA_ADMIN_DIR: { readBy: ['api'] },
  NORA_PUBLIC_URL: { readBy: ['api', 'worker'] },
  JWT_SECRET: { readBy: ['api'], secret: true, forbiddenTo: ['worker', 'migrate'] },
  NORA_SEAL_KEY: { readBy: ['api'], secret: true, forbiddenTo: ['worker', 'migrate'] },
  NORA_CAPABILITY_PRIVATE_KEY: { readBy: ['api'], secret: true, forbiddenTo: ['worker', 'migrate'] },
  NORA_API_KEY_PEPPER: { readBy: ['api'], secret: true, forbiddenTo: ['worker', 'migrate'] },
  NORA_SETUP_TOKEN: { readBy: ['api'], secret: true, forbiddenTo: ['worker', 'migrate'] },
  CORS_ORIGINS: { readBy: ['api'] },
  SIGNUP_ENABLED: { readBy: ['api'] },
  SIGNUP_BOT_PROTECTION_PROVIDER: { readBy: ['api'] },
  SIGNUP_TURNSTILE_SITE_KEY: { readBy: ['api'] },
  SIGNUP_TURNSTILE_SECRET: { readBy: ['api'], secret: true, forbiddenTo: ['worker', 'migrate'] },
  SIGNUP_RECAPTCHA_SITE_KEY: { readBy: ['api'] },
  SIGNUP_RECAPTCHA_SECRET: { readBy: ['api'], secret: true, forbiddenTo: ['worker', 'migrate'] },
  SIGNUP_RECAPTCHA_MIN_SCORE: { readBy: ['api'] },
  SIGNUP_BOT_PROTECTION_VERIFY_URL: { readBy: ['api'] },
  ENABLED_BACKENDS: { readBy: ['api'] },
  MAX_VCPU: { readBy: ['api'] },
  MAX_RAM_MB: { readBy: ['api'] },
  MAX_DISK_GB: { readBy: ['api'] },
  MAX_AGENTS: { readBy: ['api'] },
  MAX_AGENTS_TOTAL: { readBy: ['api'] },
  NORA_INVOKE_MAX_BODY_MB: { readBy: ['api'] },
  NORA_TRUST_PROXY: { readBy: ['api'] },
  NORA_ALLOWED_HOSTS: { readBy: ['api'] },
  NORA_MAX_CONNECTIONS: { readBy: ['api'] },
  NORA_MAX_CONNECTIONS_PER_ADDRESS: { readBy: ['api'] },
  NORA_RATE_LIMITS: { readBy: ['api'] },
  NORA_OAUTH_GITHUB_CLIENT_ID: { readBy: ['api'] },
  NORA_OAUTH_GITHUB_CLIENT_SECRET: { readBy: ['api'], secret: true, forbiddenTo: ['worker', 'migrate'] },
  NORA_OAUTH_GITHUB_URL: { readBy: ['api'] },
  NORA_OAUTH_GOOGLE_CLIENT_ID: { readBy: ['api'] },
  NORA_OAUTH_GOOGLE_CLIENT_SECRET: { readBy: ['api'], secret: true, forbiddenTo: ['worker', 'migrate'] },
  NORA_OIDC_ISSUER: { readBy: ['api'] },
  NORA_OIDC_CLIENT_ID: { readBy: ['api'] },
  NORA_OIDC_CLIENT_SECRET: { readBy: ['api'], secret: true, forbiddenTo: ['worker', 'migrate'] },
  NORA_OIDC_NAME: { readBy: ['api'] },
  NORA_OAUTH_ALLOW_HOSTS: { readBy: ['api'] },
  NORA_PROVIDER_ALLOW_HOSTS: { readBy: ['api', 'worker'] },
  NORA_ALLOW_PLAINTEXT_SECRETS: { readBy: ['api', 'worker'] },

  ENCRYPTION_KEY: { readBy: ['worker'], secret: true, forbiddenTo: ['api', 'migrate'] },
  ENCRYPTION_KEY_KEYRING: { readBy: ['worker'], forbiddenTo: ['api', 'migrate'] },
  ENCRYPTION_KEY_SEALED_FILE: { readBy: ['worker'], forbiddenTo: ['api', 'migrate'] },
  ENCRYPTION_KEY_PASSPHRASE_FILE: { readBy: ['worker'], forbiddenTo: ['api', 'migrate'] },
  ENCRYPTION_KEYS_PREVIOUS: { readBy: ['worker'], secret: true, forbiddenTo: ['api', 'migrate'] },
  NORA_CAPABILITY_PUBLIC_KEY: { readBy: ['worker'] },
  NORA_INSTALLATION_ID: { readBy: ['worker', 'engine-proxy', 'netguard'] },
  NORA_AGENT_NETWORK_POOL: { readBy: ['worker', 'engine-proxy', 'netguard'] },
  NORA_WORKER_BIND: { readBy: ['worker'] },
  NORA_WORKER_PORT: { readBy: ['worker'] },
  NORA_WORKER_URL: { readBy: ['worker'] },
  NORA_WORKER_ID: { readBy: ['worker'] },
  DOCKER_HOST: { readBy: ['worker', 'engine-proxy'], forbiddenTo: ['api', 'migrate'] },
  NORA_IMAGE_GATEWAY: { readBy: ['worker', 'engine-proxy'] },
  NORA_IMAGE_STARTER_AGENT: { readBy: ['worker'] },
  NORA_GATEWAY_DIAL: { readBy: ['worker'] },
  NORA_HOST_GUARD: { readBy: ['worker'] },
  NORA_NETGUARD_STATUS: { readBy: ['worker', 'netguard'] },
  NORA_KEYS_DIR: { readBy: ['worker', 'engine-proxy'] },
  NORA_DATA_DIR: { readBy: ['worker'] },
  NORA_LOG_KEEP_MB: { readBy: ['worker'] },
  NORA_LOG_KEEP_DAYS: { readBy: ['worker'] },
  NORA_LOG_TOTAL_MB: { readBy: ['worker'] },

  NORA_PROXY_SOCKET: { readBy: ['engine-proxy'] },

  NORA_STACK_NETWORK: { readBy: ['netguard'] },
  NORA_EGRESS_ALLOW: { readBy: ['netguard'] },
  NORA_EGRESS_ALLOW_FILE: { readBy: ['netguard'] },

  NORA_DB_PASSWORD_APP: { readBy: ['migrate'], secret: true, forbiddenTo: ['api', 'worker'] },
  NORA_DB_PASSWORD_WORKER: { readBy: ['migrate'], secret: true, forbiddenTo: ['api', 'worker'] },
} as const satisfies Record<string, Variable>

export type VariableName = keyof typeof variables

export const variableNames = Object.keys(variables) as VariableName[]

/** The declared facts of one variable, as the general type (the table itself is literal). */
export const describeVariable = (name: VariableName): Variable => variables[name]
