import { defineTool, ToolError, Type } from 'outlast'

const dayMs = 24 * 60 * 60 * 1000
const weekday = new Intl.DateTimeFormat('en', { weekday: 'long', timeZone: 'UTC' })

/** The model gets the description and the input schema; the file gives the tool its name. */
export default defineTool({
  description: 'Counts the days from one date to another, and names both weekdays.',
  replay: 'safe',
  input: Type.Object({
    from: Type.String({ description: 'A date such as 2026-03-01' }),
    to: Type.String({ description: 'A date such as 2026-12-24' }),
  }),
  run({ from, to }) {
    const [start, end] = [dateOf(from), dateOf(to)]
    return {
      days: Math.round((end.getTime() - start.getTime()) / dayMs),
      from: weekday.format(start),
      to: weekday.format(end),
    }
  },
})

/** The model reads the message of a ToolError, and can call the tool again. */
function dateOf(text: string): Date {
  const date = new Date(`${text}T00:00:00Z`)
  if (Number.isNaN(date.getTime())) throw new ToolError(`${text} is not a date such as 2026-03-01.`)
  return date
}
