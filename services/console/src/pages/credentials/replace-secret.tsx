import { Text } from '@mantine/core'
import { Dialog, FormBody } from '@nora/ui/form-dialog'
import { LoadingRows } from '@nora/ui/query-view'
import { said } from '@nora/ui/toasts'
import { useState } from 'react'
import { useWorkspace } from '../../session.tsx'
import { useWithStepUp } from '../../step-up.tsx'
import type { CatalogEntry } from './calls.ts'
import { BaseUrlField, Destination } from './destination.tsx'
import type { AboutProps } from './dialogs.tsx'
import { AgentLinks, useHolders } from './holders.tsx'
import { SecretFields } from './secret-fields.tsx'
import { readSecret } from './secret-form.ts'
import { syncAgents, syncWords } from './sync-agents.ts'
import { useFamily } from './use-family.ts'

/** Stores another secret in place of the one that is there; agents are given it when somebody says so. */
export function ReplaceSecret(props: AboutProps) {
  const { credential, entry, opened, onClose } = props
  return (
    <Dialog opened={opened} onClose={onClose} title={`Replace the secret of “${credential.label}”`}>
      {entry ? <ReplaceForm {...props} entry={entry} /> : <LoadingRows rows={3} />}
    </Dialog>
  )
}

function ReplaceForm({ family, credential, entry, onClose }: AboutProps & { entry: CatalogEntry }) {
  const { api, can } = useWorkspace()
  const withStepUp = useWithStepUp()
  const { calls, changed } = useFamily(family)
  const running = useHolders(credential).filter((holder) => holder.running)
  const before = credential.baseUrl ?? ''
  const [baseUrl, setBaseUrl] = useState(before)
  const kept = credential.walletAddress === null ? {} : { walletAddress: credential.walletAddress }
  const run = async (form: FormData, button: string) => {
    const read = readSecret(form, entry, Object.keys(kept))
    const typed = baseUrl.trim() || (entry.defaultBaseUrl ?? '')
    const errors = {
      ...(entry.baseUrl === 'required' && typed === '' && { baseUrl: 'Fill this in.' }),
      ...('errors' in read && read.errors),
    }
    if (Object.keys(errors).length > 0 || !('secret' in read)) return errors
    const moves = entry.baseUrl !== 'none' && typed !== '' && typed !== before
    const body = { secret: read.secret, ...(moves && { baseUrl: typed }) }
    const replaced = await withStepUp(() => calls.replace(credential.id, body))
    const synced = button === 'sync' ? await syncAgents(api, running) : undefined
    onClose()
    void changed()
    said(`The secret is replaced: version ${replaced.secretVersion}. ${synced ? syncWords(synced) : ''}`)
    return undefined
  }
  const many = running.length === 1 ? '1 agent' : `${running.length} agents`
  const sync =
    running.length > 0 && can('key:sync') ? { title: `Replace and sync ${many}`, value: 'sync' } : undefined
  return (
    <FormBody run={run} onClose={onClose} action="Replace the secret" otherAction={sync}>
      {(errors) => (
        <>
          <Text size="sm">
            All fields are replaced. What is stored now is fingerprint {credential.fingerprint}, version{' '}
            {credential.secretVersion}, and cannot be brought back.
            {credential.permission === 'trading_enabled' &&
              ' Agents that may trade with it are told at once that they may only read with the new one, until you enable trading again.'}
          </Text>
          <BaseUrlField entry={entry} value={baseUrl} onChange={setBaseUrl} error={errors['baseUrl']} />
          <SecretFields entry={entry} errors={errors} kept={kept} />
          <Destination entry={entry} baseUrl={baseUrl} />
          <Text size="sm">
            {running.length > 0 ? (
              <>
                <AgentLinks agents={running} /> {running.length === 1 ? 'runs' : 'run'} with the old secret
                until the next sync or start. “Replace and sync” gives {running.length === 1 ? 'it' : 'them'}{' '}
                the new one right away.
              </>
            ) : (
              'No running agent holds it. Agents get the new secret with their next start.'
            )}
          </Text>
        </>
      )}
    </FormBody>
  )
}
