import { providerNamed } from '@nora/contract/provider-catalog'
import { type Form, textOf, under } from './call.ts'

/** The cheapest call of a model provider's that a wrong key cannot make, or undefined where there is none. */
export function providerForm(name: string): Form | undefined {
  const provider = providerNamed(name)
  if (!provider || provider.testPath === null) return undefined
  const { testPath, api } = provider
  return ({ base, fields }) => {
    const key = textOf(fields, 'apiKey')
    const headers: Record<string, string> =
      api === 'anthropic'
        ? { 'x-api-key': key, 'anthropic-version': '2023-06-01' }
        : { authorization: `Bearer ${key}` }
    return { url: under(base, testPath), method: 'GET', headers }
  }
}
