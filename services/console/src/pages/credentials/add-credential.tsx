import { Button, Checkbox, Group, Text, TextInput } from '@mantine/core'
import { Dialog, FormBody } from '@nora/ui/form-dialog'
import { said } from '@nora/ui/toasts'
import { ArrowLeft } from 'lucide-react'
import { useState } from 'react'
import { useWorkspace } from '../../session.tsx'
import { useWithStepUp } from '../../step-up.tsx'
import type { CatalogEntry, Credential } from './calls.ts'
import { ChooseEntry } from './choose-entry.tsx'
import { BaseUrlField, Destination } from './destination.tsx'
import type { Family } from './family.ts'
import { SecretFields } from './secret-fields.tsx'
import { readSecret } from './secret-form.ts'
import { useFamily } from './use-family.ts'

type Props = {
  family: Family
  opened: boolean
  onClose: () => void
  /** Told what was stored, where whoever stored it wants it tried at once. */
  onTry: (credential: Credential) => void
}

/** Stores a credential: first what it is for, then its secret. */
export function AddCredential({ family, opened, onClose, onTry }: Props) {
  return (
    <Dialog opened={opened} onClose={onClose} title={`Add ${article(family.one)} ${family.one}`}>
      <Steps {...{ family, onClose, onTry }} />
    </Dialog>
  )
}

const article = (word: string) => (/^[aeiou]/.test(word) ? 'an' : 'a')

function Steps({ family, onClose, onTry }: Omit<Props, 'opened'>) {
  const [entry, setEntry] = useState<CatalogEntry>()
  if (!entry) return <ChooseEntry family={family} onChoose={setEntry} />
  return <SecretForm {...{ family, entry, onClose, onTry }} back={() => setEntry(undefined)} />
}

type FormProps = Omit<Props, 'opened'> & { entry: CatalogEntry; back: () => void }

function SecretForm({ family, entry, onClose, onTry, back }: FormProps) {
  const { workspace } = useWorkspace()
  const withStepUp = useWithStepUp()
  const { calls, changed } = useFamily(family)
  const [baseUrl, setBaseUrl] = useState('')
  const run = async (form: FormData) => {
    const label = String(form.get('label') ?? '').trim()
    const read = readSecret(form, entry)
    const errors = {
      ...(label === '' && { label: 'Give it a name to know it by.' }),
      ...(entry.baseUrl === 'required' && baseUrl.trim() === '' && { baseUrl: 'Fill this in.' }),
      ...('errors' in read && read.errors),
    }
    if (Object.keys(errors).length > 0 || !('secret' in read)) return errors
    const stored = await withStepUp(() =>
      calls.create({
        provider: entry.provider,
        label,
        secret: read.secret,
        ...(baseUrl.trim() !== '' && entry.baseUrl !== 'none' && { baseUrl: baseUrl.trim() }),
        ...(family.shareable && { sharedWithWorkspace: form.get('shared') === 'on' }),
      }),
    )
    onClose()
    void changed()
    said(`“${stored.label}” is stored.`)
    if (form.get('try') === 'on') onTry(stored)
    return undefined
  }
  const address = (errors: Record<string, string>) => (
    <BaseUrlField entry={entry} value={baseUrl} onChange={setBaseUrl} error={errors['baseUrl']} />
  )
  return (
    <FormBody run={run} onClose={onClose} action="Store it">
      {(errors) => (
        <>
          <Group justify="space-between" wrap="nowrap">
            <Text fw={600}>{entry.name}</Text>
            <Button
              variant="subtle"
              size="compact-sm"
              leftSection={<ArrowLeft size={14} aria-hidden />}
              onClick={back}
            >
              Choose another
            </Button>
          </Group>
          <TextInput
            name="label"
            label="Name"
            description="What you and others will know it by. It is no secret."
            defaultValue={entry.name}
            maxLength={100}
            required
            error={errors['label']}
            autoComplete="off"
          />
          {entry.baseUrl === 'required' && address(errors)}
          <SecretFields entry={entry} errors={errors} />
          {entry.baseUrl !== 'required' && address(errors)}
          <Destination entry={entry} baseUrl={baseUrl} />
          {family.shareable ? (
            <Checkbox
              name="shared"
              label={`Share it with everybody in ${workspace.name}`}
              description="Others can give it to agents, but never see it. You can stop that at any time. Otherwise it is yours alone."
            />
          ) : (
            <Text size="sm" c="dimmed">
              Agents are told that they may only read with it, until you enable trading. Make a key at the
              exchange that has no more rights than you mean to give, and never the right to withdraw.
            </Text>
          )}
          {entry.testable && (
            <Checkbox
              name="try"
              defaultChecked
              label="Try it at once"
              description="The service is asked whether it works."
            />
          )}
        </>
      )}
    </FormBody>
  )
}
