import { Input, NumberInput, Slider } from '@mantine/core'
import { bytes } from '@nora/ui/lib/words'
import { useId } from 'react'
import classes from './deploy.module.css'
import { type DeployOptions, type RuntimeOption, type Size, usualSizes } from './deploy-values.ts'
import type { DeployForm } from './use-deploy-form.ts'

const inWords = { cpus: String, memoryMb: ofMb, diskMb: ofMb, pids: String } satisfies Record<Size, unknown>
function ofMb(value: number): string {
  return value === 0 ? '0 MB' : bytes(value * 1024 * 1024)
}

const fields: Record<Size, { label: string; about: string; step: number; suffix?: string }> = {
  cpus: { label: 'Processor', about: 'How many cores it may use; 0.5 is half of one.', step: 0.1 },
  memoryMb: {
    label: 'Memory',
    about: 'A program that needs more is ended and started again.',
    step: 32,
    suffix: ' MB',
  },
  diskMb: { label: 'Disk', about: 'For what it keeps and writes.', step: 64, suffix: ' MB' },
  pids: { label: 'Processes', about: 'How many processes and threads it may have at once.', step: 16 },
}

type SizeFieldProps = { form: DeployForm; runtime: RuntimeOption; options: DeployOptions; size: Size }

/** One limit of the agent, as a slider beside a number, from what the runtime needs to what the operator allows. */
export function SizeField({ form, runtime, options, size }: SizeFieldProps) {
  const { label, about, step, suffix } = fields[size]
  const words = inWords[size]
  const [least, most] = [runtime.minimum[size], options.quotas.perAgent[size]]
  const usual = usualSizes(runtime, options)[size]
  const id = useId()
  // Thousands of processes on one line would be moved by the hundred.
  const slides = size !== 'pids'
  const value = Number(form.values[size]) || least
  const disk = size === 'diskMb' && options.diskEnforced === false
  return (
    <div>
      <Input.Label htmlFor={id}>{label}</Input.Label>
      <Input.Description>
        {about} From {words(least)} to {words(most)}; usually {words(usual)}.
        {disk && ' This server measures it and cannot enforce it.'}
      </Input.Description>
      <div className={classes['size']!}>
        {slides && (
          <Slider
            thumbLabel={`${label} slider`}
            label={words}
            min={least}
            max={Math.max(most, least)}
            step={step}
            disabled={most <= least}
            value={Math.min(Math.max(value, least), most)}
            onChange={(next) => form.setFieldValue(size, Math.round(next * 1000) / 1000)}
          />
        )}
        <NumberInput
          id={id}
          min={least}
          max={most}
          step={step}
          decimalScale={size === 'cpus' ? 3 : 0}
          allowNegative={false}
          clampBehavior="none"
          {...(suffix !== undefined && { suffix })}
          {...form.getInputProps(size)}
        />
      </div>
    </div>
  )
}
