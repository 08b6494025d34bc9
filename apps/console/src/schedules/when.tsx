import { Button, Group, Select, Text, TextInput } from '@mantine/core'
import { useMemo } from 'react'
import { inWords, nextTimes } from './cron.ts'
import type { ScheduleFormProps } from './draft.ts'

/** Current names that some browsers list only by their old names. */
const renamed = [
  'Africa/Asmara',
  'America/Argentina/Buenos_Aires',
  'America/Nuuk',
  'Asia/Ho_Chi_Minh',
  'Asia/Kathmandu',
  'Asia/Kolkata',
  'Asia/Yangon',
  'Atlantic/Faroe',
  'Europe/Kyiv',
  'Pacific/Kanton',
]

const timezones = [
  ...new Set(['UTC', ...[...Intl.supportedValuesOf('timeZone'), ...renamed].sort()]),
]

const usual = [
  ['*/15 * * * *', 'Every 15 minutes'],
  ['0 * * * *', 'Hourly'],
  ['0 9 * * *', 'Daily'],
  ['0 9 * * MON-FRI', 'Workdays'],
  ['0 9 * * MON', 'Weekly'],
  ['0 9 1 * *', 'Monthly'],
] as const

/** The cron expression, its description, and the next times. */
export function When({ form }: ScheduleFormProps) {
  const { cron, timezone } = form.draft
  const expression = form.text('cron', 'cron_expression')
  const { times, problem } = useMemo(() => preview(cron, timezone), [cron, timezone])
  return (
    <div>
      <Group align="flex-start" gap="sm" grow preventGrowOverflow={false}>
        <TextInput
          label="Cron expression"
          required
          maxLength={255}
          spellCheck={false}
          {...expression}
          error={problem ?? expression.error}
        />
        <Select
          label="Time zone"
          searchable
          limit={100}
          data={timezones.includes(timezone) ? timezones : [timezone, ...timezones]}
          {...form.choice('timezone')}
        />
      </Group>
      <Group gap={4} mt={6}>
        {usual.map(([at, label]) => (
          <Button
            key={at}
            size="compact-xs"
            variant={cron === at ? 'light' : 'subtle'}
            onClick={() => form.change({ cron: at })}
          >
            {label}
          </Button>
        ))}
      </Group>
      {!problem && (
        <div role="status" aria-label="Next runs">
          <Text size="sm" mt="xs">
            {inWords(cron)}, {timezone}
          </Text>
          <Text size="xs" c="dimmed" component="ol" m={0} pl="lg">
            {times.map((time) => (
              <li key={time.toISOString()}>{localTimeOf(time, timezone)}</li>
            ))}
          </Text>
        </div>
      )}
    </div>
  )
}

const localTimeOf = (time: Date, timeZone: string) =>
  time.toLocaleString('en-GB', {
    timeZone,
    weekday: 'short',
    day: 'numeric',
    month: 'short',
    year: 'numeric',
    hour: '2-digit',
    minute: '2-digit',
    second: '2-digit',
  })

function preview(cron: string, timezone: string): { times: Date[]; problem?: string } {
  try {
    const times = nextTimes(cron, timezone)
    return times.length > 0 ? { times } : { times, problem: 'This expression has no future times.' }
  } catch (error) {
    return { times: [], problem: (error as Error).message.replace(/^CronPattern: /, '') }
  }
}
