import { TextInput } from '@mantine/core'
import { Dialog, FormBody } from '@nora/ui/form-dialog'
import { said } from '@nora/ui/toasts'
import type { AboutProps } from './dialogs.tsx'
import { useFamily } from './use-family.ts'

/** Another name for a credential. Agents are not told: they know it by its id. */
export function RenameCredential({ family, credential, opened, onClose }: AboutProps) {
  const { calls, changed } = useFamily(family)
  const run = async (form: FormData) => {
    const label = String(form.get('label') ?? '').trim()
    if (label === '') return { label: 'Give it a name to know it by.' }
    await calls.change(credential.id, { label })
    await changed()
    said(`It is called “${label}” now.`)
    onClose()
    return undefined
  }
  return (
    <Dialog opened={opened} onClose={onClose} title={`Rename “${credential.label}”`} size="md">
      <FormBody run={run} onClose={onClose} action="Rename">
        {(errors) => (
          <TextInput
            name="label"
            label="Name"
            defaultValue={credential.label}
            maxLength={100}
            required
            error={errors['label']}
            autoComplete="off"
            data-autofocus
          />
        )}
      </FormBody>
    </Dialog>
  )
}
