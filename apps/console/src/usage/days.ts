const short = new Intl.DateTimeFormat('en-GB', { day: 'numeric', month: 'short', timeZone: 'UTC' })
const long = new Intl.DateTimeFormat('en-GB', {
  weekday: 'short',
  day: 'numeric',
  month: 'short',
  timeZone: 'UTC',
})

/** A day in UTC: `25 Nov`. */
export const shortDay = (day: string) => short.format(Date.parse(day))

/** A day in UTC: `Wed 25 Nov`. */
export const dayText = (day: string) => long.format(Date.parse(day))

export const spanText = ({ from, to }: { from: string; to: string }) =>
  from === to ? dayText(from) : `${shortDay(from)} – ${shortDay(to)}`
