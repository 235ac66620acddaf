import { Button, Divider, Stack } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { providersQuery } from '../account/queries.ts'
import { backFromProvider } from './return-to.ts'

/** The ways in that others vouch for, where this server has any. */
export function ProviderButtons({ returnTo }: { returnTo: string }) {
  const { data } = useQuery(providersQuery)
  if (!data || data.items.length === 0) return null
  const back = encodeURIComponent(backFromProvider(returnTo))
  return (
    <Stack gap="sm">
      <Divider label="or" />
      {data.items.map(({ id, name }) => (
        <Button
          key={id}
          component="a"
          href={`/api/auth/oauth/${encodeURIComponent(id)}/start?returnTo=${back}`}
          variant="default"
          fullWidth
        >
          Continue with {name}
        </Button>
      ))}
    </Stack>
  )
}
