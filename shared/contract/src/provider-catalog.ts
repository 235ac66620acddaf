import type { CredentialType, Field } from './credential-types.ts'

export type Provider = CredentialType & {
  /** How an agent talks to it at its base URL: `POST /chat/completions` with a bearer key, Anthropic's own, or neither. */
  api: 'openai' | 'anthropic' | 'none'
  /**
   * What a key test GETs below the base URL: a path that costs nothing and that a wrong key cannot read. Null where
   * the provider has none (its list of models is public, or calls are signed): such a key is not tested.
   */
  testPath: string | null
}

const apiKey: Field = { name: 'apiKey', title: 'API key', secret: true }
const model: Field = { name: 'model', title: 'Default model', secret: false }

const openaiStyle = (
  provider: string,
  name: string,
  docsUrl: string | null,
  defaultBaseUrl: string | null,
  rest: Partial<Provider> = {},
): Provider => ({
  provider,
  name,
  docsUrl,
  fields: [apiKey, model],
  anyFields: false,
  alternatives: [['apiKey']],
  baseUrl: defaultBaseUrl === null ? 'required' : 'optional',
  defaultBaseUrl,
  api: 'openai',
  testPath: '/models',
  ...rest,
})

/** Every provider a key can be stored for. The order is the one people see. */
export const providerCatalog: readonly Provider[] = [
  openaiStyle('openai', 'OpenAI', 'https://platform.openai.com/api-keys', 'https://api.openai.com/v1', {
    fields: [
      apiKey,
      { name: 'organization', title: 'Organization id', secret: false },
      { name: 'project', title: 'Project id', secret: false },
      model,
    ],
  }),
  openaiStyle(
    'anthropic',
    'Anthropic',
    'https://console.anthropic.com/settings/keys',
    'https://api.anthropic.com/v1',
    { api: 'anthropic' },
  ),
  openaiStyle(
    'google',
    'Google Gemini',
    'https://aistudio.google.com/apikey',
    'https://generativelanguage.googleapis.com/v1beta/openai',
  ),
  // Its list of models is public; /key describes the key that asks.
  openaiStyle(
    'openrouter',
    'OpenRouter',
    'https://openrouter.ai/settings/keys',
    'https://openrouter.ai/api/v1',
    {
      testPath: '/key',
    },
  ),
  openaiStyle('mistral', 'Mistral', 'https://console.mistral.ai/api-keys', 'https://api.mistral.ai/v1'),
  openaiStyle('groq', 'Groq', 'https://console.groq.com/keys', 'https://api.groq.com/openai/v1'),
  openaiStyle(
    'deepseek',
    'DeepSeek',
    'https://platform.deepseek.com/api_keys',
    'https://api.deepseek.com/v1',
  ),
  openaiStyle('xai', 'xAI', 'https://console.x.ai', 'https://api.x.ai/v1'),
  openaiStyle(
    'together',
    'Together',
    'https://api.together.ai/settings/api-keys',
    'https://api.together.xyz/v1',
  ),
  openaiStyle(
    'fireworks',
    'Fireworks',
    'https://app.fireworks.ai/settings/users/api-keys',
    'https://api.fireworks.ai/inference/v1',
  ),
  openaiStyle('cerebras', 'Cerebras', 'https://cloud.cerebras.ai', 'https://api.cerebras.ai/v1'),
  openaiStyle(
    'moonshot',
    'Moonshot',
    'https://platform.moonshot.ai/console/api-keys',
    'https://api.moonshot.ai/v1',
  ),
  openaiStyle(
    'perplexity',
    'Perplexity',
    'https://www.perplexity.ai/settings/api',
    'https://api.perplexity.ai',
    {
      testPath: null,
    },
  ),
  openaiStyle(
    'nvidia',
    'NVIDIA',
    'https://build.nvidia.com/settings/api-keys',
    'https://integrate.api.nvidia.com/v1',
    {
      testPath: null,
    },
  ),
  // https://<resource>.openai.azure.com/openai/v1
  openaiStyle(
    'azure-openai',
    'Azure OpenAI',
    'https://learn.microsoft.com/azure/ai-foundry/openai/api-version-lifecycle',
    null,
  ),
  // https://bedrock-runtime.<region>.amazonaws.com: a bearer key, or a signing pair.
  openaiStyle(
    'bedrock',
    'Amazon Bedrock',
    'https://docs.aws.amazon.com/bedrock/latest/userguide/api-keys.html',
    null,
    {
      fields: [
        apiKey,
        { name: 'accessKeyId', title: 'Access key id', secret: true },
        { name: 'secretAccessKey', title: 'Secret access key', secret: true },
        { name: 'sessionToken', title: 'Session token', secret: true },
        { name: 'region', title: 'Region', secret: false },
        model,
      ],
      alternatives: [['apiKey'], ['accessKeyId', 'secretAccessKey']],
      testPath: null,
    },
  ),
  // A server of one's own; one without keys takes any text.
  openaiStyle('ollama', 'Ollama', 'https://docs.ollama.com/openai', null, { testPath: null }),
  openaiStyle('openai-compatible', 'Any OpenAI-compatible API', null, null),
  {
    provider: 'custom',
    name: 'Name-value secrets',
    docsUrl: null,
    fields: [],
    anyFields: true,
    alternatives: [],
    baseUrl: 'none',
    defaultBaseUrl: null,
    api: 'none',
    testPath: null,
  },
]

/** The catalogue's entry of that name, or undefined. */
export function providerNamed(name: string): Provider | undefined {
  return providerCatalog.find((entry) => entry.provider === name)
}
