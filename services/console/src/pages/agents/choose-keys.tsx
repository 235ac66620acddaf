import { Alert, Anchor, Checkbox, Group, Input, Stack, Text, TextInput } from '@mantine/core'
import { printable } from '@nora/ui/lib/printable'
import { ProblemAlert } from '@nora/ui/problem-alert'
import { LoadingRows } from '@nora/ui/query-view'
import { Link } from 'react-router'
import { useWorkspace } from '../../session.tsx'
import classes from './deploy.module.css'
import { bringsImage, type RuntimeOption } from './deploy-values.ts'
import type { DeployForm } from './use-deploy-form.ts'
import { families, type StoredKey, useStoredKeys, whyNot } from './use-stored-keys.ts'

/** Which credentials the agent is given: those, and no others. */
export function ChooseKeys({ form, runtime }: { form: DeployForm; runtime: RuntimeOption }) {
  const { to } = useWorkspace()
  const { keys, pending, error } = useStoredKeys()
  const chosen = form.values.providerKeyIds
  const thinks = keys.some(({ id, family }) => family === 'provider-keys' && chosen.includes(id))
  return (
    <Stack gap="xs">
      <Group justify="space-between" align="flex-end">
        <div>
          <Input.Label component="div" id="deploy-keys">
            Keys
          </Input.Label>
          <Input.Description>The agent gets what you choose here, and no other key.</Input.Description>
        </div>
        {/* What is in the form stays here, and the new key comes into the list by itself. */}
        <Anchor component={Link} to={to('/credentials/provider-keys')} target="_blank" size="sm">
          Add a key (in a new tab)
        </Anchor>
      </Group>
      {error !== null && <ProblemAlert error={error} title="Not all keys could be shown" />}
      {pending && keys.length === 0 ? (
        <LoadingRows rows={2} />
      ) : (
        <Checkbox.Group
          aria-labelledby="deploy-keys"
          value={chosen}
          onChange={(ids) => form.setFieldValue('providerKeyIds', ids)}
          error={form.errors['providerKeyIds']}
        >
          <div className={classes['keys']!}>
            {families.map((family) => (
              <FamilyOfKeys
                key={family.name}
                title={family.title}
                used={runtime.keyKinds.includes(family.kind)}
                keys={keys.filter((one) => one.family === family.name)}
              />
            ))}
            {keys.length === 0 && (
              <Text size="sm" c="dimmed">
                No keys are stored here yet. An agent can be deployed without one, and be given one later.
              </Text>
            )}
          </div>
        </Checkbox.Group>
      )}
      {bringsImage(runtime) &&
        keys
          .filter(({ id }) => chosen.includes(id))
          .map(({ id, label }) => (
            <TextInput
              key={id}
              label={`Variable for ${printable(label)}`}
              description="The program finds it in a file in /run/nora. With a name here, also in this variable."
              placeholder="MODEL_API_KEY"
              autoComplete="off"
              spellCheck={false}
              {...form.getInputProps(`keyEnv.${id}`)}
              value={form.values.keyEnv[id] ?? ''}
            />
          ))}
      {runtime.chat && !thinks && keys.length > 0 && (
        <Alert variant="default" p="sm">
          Without a provider key this agent runs, and cannot answer.
        </Alert>
      )}
    </Stack>
  )
}

function FamilyOfKeys({ title, used, keys }: { title: string; used: boolean; keys: StoredKey[] }) {
  const { me } = useWorkspace()
  if (keys.length === 0) return null
  return (
    <Stack gap={6} role="group" aria-label={title}>
      <Text size="xs" fw={600} c="dimmed">
        {title}
        {!used && ' (this runtime does not use these by itself)'}
      </Text>
      {keys.map((key) => {
        const reason = whyNot(key, me.user.id)
        return (
          <Checkbox
            key={key.id}
            value={key.id}
            label={printable(key.label)}
            description={reason ?? key.provider}
            disabled={reason !== null}
          />
        )
      })}
    </Stack>
  )
}
