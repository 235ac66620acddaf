import { NumberInput, SimpleGrid, Stack, Textarea, TextInput } from '@mantine/core'
import { bringsImage, type RuntimeOption } from './deploy-values.ts'
import type { DeployForm } from './use-deploy-form.ts'

// Side by side, so that explanations of different lengths do not push the fields apart.
const below: ('label' | 'input' | 'description' | 'error')[] = ['label', 'input', 'description', 'error']

/** What somebody says about a program of their own: where it comes from, how it starts, and what it keeps. */
export function ProgramFields({ form, runtime }: { form: DeployForm; runtime: RuntimeOption }) {
  const { asks } = runtime
  if (Object.values(asks).every((asked) => asked === 'no')) return null
  return (
    <Stack>
      {asks.image !== 'no' && (
        <TextInput
          label="Image"
          description="Where the container image is, with a tag or a digest. It is pulled when the agent starts."
          placeholder="ghcr.io/you/agent:1.0"
          required={asks.image === 'required'}
          autoComplete="off"
          spellCheck={false}
          {...form.getInputProps('image')}
        />
      )}
      {asks.command !== 'no' && (
        <Textarea
          label="Command"
          description="What runs instead of the image’s own command, one argument a line. Empty: the image’s own."
          placeholder={'node\nmain.js'}
          required={asks.command === 'required'}
          autosize
          minRows={2}
          maxRows={8}
          spellCheck={false}
          {...form.getInputProps('command')}
        />
      )}
      <SimpleGrid cols={{ base: 1, sm: bringsImage(runtime) ? 3 : 1 }}>
        {asks.port !== 'no' && (
          <NumberInput
            label="Port"
            description="Where it listens for HTTP. Empty: it does not."
            placeholder="8080"
            required={asks.port === 'required'}
            allowDecimal={false}
            allowNegative={false}
            hideControls
            inputWrapperOrder={below}
            {...form.getInputProps('port')}
          />
        )}
        {bringsImage(runtime) && (
          <>
            <TextInput
              label="Health check"
              description="A path that answers when it is well. Empty: running is well."
              placeholder="/healthz"
              spellCheck={false}
              inputWrapperOrder={below}
              {...form.getInputProps('probePath')}
            />
            <TextInput
              label="Folder to keep"
              description="What is in it survives a redeploy. Empty: nothing does."
              placeholder="/data"
              spellCheck={false}
              inputWrapperOrder={below}
              {...form.getInputProps('statePath')}
            />
          </>
        )}
      </SimpleGrid>
    </Stack>
  )
}
