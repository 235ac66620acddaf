import { Radio, Stack } from '@mantine/core'
import type { Role } from '@nora/domain/roles'
import { roleWords } from './role-words.ts'

type RoleChoiceProps = {
  label: string
  /** What may be given. */
  roles: readonly Role[]
  value: Role
  onChange: (role: Role) => void
}

/** A choice of roles, each with what it may do. */
export function RoleChoice({ label, roles, value, onChange }: RoleChoiceProps) {
  return (
    <Radio.Group label={label} value={value} onChange={(role) => onChange(role as Role)}>
      <Stack gap="sm" mt="xs">
        {roles.map((role) => (
          <Radio
            key={role}
            value={role}
            label={roleWords[role].name}
            description={roleWords[role].may}
            data-autofocus={role === value || undefined}
          />
        ))}
      </Stack>
    </Radio.Group>
  )
}
