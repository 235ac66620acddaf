import { Group, Radio, SimpleGrid, Text } from '@mantine/core'
import classes from './deploy.module.css'
import type { RuntimeOption } from './deploy-values.ts'

type ChooseRuntimeProps = {
  runtimes: RuntimeOption[]
  value: string
  onChange: (name: string) => void
  error?: string | undefined
}

/** The kinds of programs an agent may be, each with a sentence about it. */
export function ChooseRuntime({ runtimes, value, onChange, error }: ChooseRuntimeProps) {
  return (
    <Radio.Group
      label="Runtime"
      description="What kind of program the agent is."
      value={value}
      onChange={onChange}
      error={error}
    >
      <SimpleGrid cols={{ base: 1, sm: 2 }} spacing="sm" mt="xs">
        {runtimes.map(({ name, title, description }) => (
          <Radio.Card key={name} value={name} p="md" className={classes['card']!}>
            <Group wrap="nowrap" align="flex-start">
              <Radio.Indicator />
              <div>
                <Text fw={600}>{title}</Text>
                <Text size="sm" c="dimmed">
                  {description}
                </Text>
              </div>
            </Group>
          </Radio.Card>
        ))}
      </SimpleGrid>
    </Radio.Group>
  )
}
