import { Checkbox, NumberInput, Stack, Text, Textarea, TextInput } from '@mantine/core'
import { unwrap } from '@nora/client/client'
import type { ApiKeyScope } from '@nora/contract/api-keys'
import { Dialog, FormBody } from '@nora/ui/form-dialog'
import { useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import { useWorkspace } from '../../session.tsx'
import { useWithStepUp } from '../../step-up.tsx'
import { readCidrs, wrongCidrs } from './cidrs.ts'
import { endAfter } from './key-state.ts'
import { offeredScopes, scopeWords } from './scopes.ts'
import { ShownKey } from './shown-key.tsx'

const days = { usual: 90, most: 365 }

/** Makes a key for a program, and shows it once. */
export function CreateKey({ opened, onClose }: { opened: boolean; onClose: () => void }) {
  const [made, setMade] = useState<string>()
  const close = () => {
    setMade(undefined)
    onClose()
  }
  const title = made === undefined ? 'Create an Agent Hub key' : 'The key is created'
  return (
    <Dialog opened={opened} onClose={close} title={title} closeOnEscape={made === undefined}>
      {made === undefined ? (
        <Fields onMade={setMade} onClose={close} />
      ) : (
        <ShownKey value={made} onClose={close} />
      )}
    </Dialog>
  )
}

function Fields({ onMade, onClose }: { onMade: (key: string) => void; onClose: () => void }) {
  const { api, key, workspace } = useWorkspace()
  const queries = useQueryClient()
  const withStepUp = useWithStepUp()
  const [life, setLife] = useState<number | string>(days.usual)
  const run = async (form: FormData) => {
    const name = String(form.get('name') ?? '').trim()
    const scopes = form.getAll('scopes') as ApiKeyScope[]
    const allowedCidrs = readCidrs(String(form.get('allowedCidrs') ?? ''))
    const wrong = wrongCidrs(allowedCidrs)
    const length = Number(life)
    const errors = {
      ...(name === '' && { name: 'Give it a name to know it by.' }),
      ...(scopes.length === 0 && { scopes: 'Choose at least one.' }),
      ...(!(Number.isInteger(length) && length >= 1 && length <= days.most) && {
        expiresAt: `A whole number of days from 1 to ${days.most}.`,
      }),
      ...(wrong !== undefined && { allowedCidrs: wrong }),
    }
    if (Object.keys(errors).length > 0) return errors
    const expiresAt = endAfter(length, days.usual, Date.now())
    const body = {
      ...{ name, scopes },
      ...(expiresAt !== undefined && { expiresAt }),
      ...(allowedCidrs.length > 0 && { allowedCidrs }),
    }
    const params = { path: { id: workspace.id } }
    const made = await withStepUp(() => unwrap(api.POST('/api/workspaces/{id}/api-keys', { params, body })))
    void queries.invalidateQueries({ queryKey: key('api-keys') })
    onMade(made.key)
    return undefined
  }
  return (
    <FormBody run={run} onClose={onClose} action="Create the key">
      {(errors) => (
        <>
          <TextInput
            name="name"
            label="Name"
            description="What you know the program by, for instance “Nightly report”."
            maxLength={100}
            required
            error={errors['name']}
            autoComplete="off"
            data-autofocus
          />
          <Checkbox.Group
            label="What the program may do"
            description="Only what it needs: a key that is lost can do no more. It never does more than you may do yourself."
            error={errors['scopes']}
            required
            data-shows="scopes"
          >
            <Stack gap="xs" mt="xs">
              {offeredScopes.map((scope) => (
                <Checkbox
                  key={scope}
                  name="scopes"
                  value={scope}
                  label={scopeWords[scope].title}
                  description={scopeWords[scope].about}
                />
              ))}
            </Stack>
          </Checkbox.Group>
          <NumberInput
            name="expiresAt"
            label="Days until it ends"
            description={`At most ${days.most}. A key does not live longer than that; make another in time.`}
            value={life}
            onChange={setLife}
            min={1}
            max={days.most}
            allowDecimal={false}
            allowNegative={false}
            clampBehavior="none"
            required
            error={errors['expiresAt']}
          />
          <Textarea
            name="allowedCidrs"
            label="Only from these addresses"
            description="One a line: addresses, or blocks like 203.0.113.0/24. Empty: from anywhere."
            rows={2}
            error={
              errors['allowedCidrs'] ??
              Object.entries(errors).find(([at]) => at.startsWith('allowedCidrs.'))?.[1]
            }
            autoComplete="off"
            spellCheck={false}
          />
          <Text size="sm" c="dimmed">
            The key acts as you, in {workspace.name} alone. It ends when you leave the workspace.
          </Text>
        </>
      )}
    </FormBody>
  )
}
