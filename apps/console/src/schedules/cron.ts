import { Cron } from 'croner'

const nextCount = 5

/** Returns the next times of an expression, like the server. Throws if it is invalid. */
export function nextTimes(expression: string, timezone: string): Date[] {
  const count = expression.trim().split(/\s+/).length
  if (count < 5 || count > 7)
    throw new Error(`A cron expression has 5, 6 or 7 fields. This one has ${count}.`)
  const cron = new Cron(expression.trim(), {
    timezone,
    paused: true,
    fixedTimeRule: 'no-wildcard',
  })
  return cron.nextRuns(nextCount)
}

const days = ['Sunday', 'Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday']
const months = [
  'January',
  'February',
  'March',
  'April',
  'May',
  'June',
  'July',
  'August',
  'September',
  'October',
  'November',
  'December',
]

/** Describes a field of an expression by the names of its numbers. */
function namesOf(field: string, names: readonly string[], from: number): string {
  return field
    .split(',')
    .map((part) =>
      part
        .split('-')
        .map((one) => nameOf(one, names, from))
        .join(' to '),
    )
    .join(', ')
}

const places: Record<string, string> = {
  1: 'the first',
  2: 'the second',
  3: 'the third',
  4: 'the fourth',
  5: 'the fifth',
  L: 'the last',
}

function nameOf(word: string, names: readonly string[], from: number): string {
  const [name = '', place] = word.split('#')
  if (place) return `${places[place.toUpperCase()] ?? place} ${nameOf(name, names, from)}`
  const number = /^\d+$/.test(word)
    ? (Number(word) - from) % names.length
    : names.findIndex((name) => name.toUpperCase().startsWith(word.toUpperCase()))
  return names[number] ?? word
}

const isNumber = (field: string) => /^\d+$/.test(field)
const stepOf = (field: string) => /^(?:\*|0)\/(\d+)$/.exec(field)?.[1]

const every = (step: string, unit: string) =>
  step === '1' ? `every ${unit}` : `every ${step} ${unit}s`

/** `9-17` includes all of hour 17. */
function hoursOf(hour: string): string {
  const [, from, to] = /^(\d+)-(\d+)$/.exec(hour) ?? []
  return from && to
    ? `from ${from.padStart(2, '0')}:00 to ${to.padStart(2, '0')}:59`
    : `in hours ${hour}`
}

/** Describes the time of day. */
function timeOf(second: string, minute: string, hour: string): string {
  const seconds = second === '0' || second === '00' ? '' : ` and second ${second}`
  if (second === '*') return 'every second'
  const secondStep = stepOf(second)
  if (secondStep) return every(secondStep, 'second')
  if (isNumber(minute) && /^\d+(,\d+)*$/.test(hour)) {
    const times = hour.split(',').map((one) => `${one.padStart(2, '0')}:${minute.padStart(2, '0')}`)
    return `at ${times.join(', ')}${seconds}`
  }
  const minuteStep = minute === '*' ? '1' : stepOf(minute)
  const minutes = minuteStep ? every(minuteStep, 'minute') : `at minute ${minute}`
  if (hour === '*') return isNumber(minute) ? `every hour at minute ${minute}${seconds}` : minutes
  const hourStep = stepOf(hour)
  return `${minutes}${seconds}, ${hourStep ? every(hourStep, 'hour') : hoursOf(hour)}`
}

const isAny = (field: string) => field === '*' || field === '?'

function dayOf(day: string): string {
  if (isAny(day)) return ''
  if (day === 'L') return 'on the last day'
  const nearest = /^(\d+)W$/.exec(day)?.[1]
  return nearest ? `on the workday nearest to day ${nearest}` : `on day ${day}`
}

/** Describes an expression in words. */
export function inWords(expression: string): string {
  const fields = expression.trim().split(/\s+/)
  if (fields.length === 5) fields.unshift('0')
  const [second = '0', minute = '*', hour = '*', day = '*', month = '*', weekday = '*', year] =
    fields
  const onDay = dayOf(day)
  const plain = weekday.replace(/^\+/, '')
  const onWeekday = isAny(plain) ? '' : `on ${namesOf(plain, days, 0)}`
  const joint = onDay && onWeekday ? (weekday.startsWith('+') ? ' and ' : ' or ') : ''
  const date = onDay || onWeekday ? ` ${onDay}${joint}${onWeekday}` : ''
  const inMonth = isAny(month) ? '' : `${date ? '' : ' every day'} in ${namesOf(month, months, 1)}`
  const inYear = year && !isAny(year) ? ` of ${year}` : ''
  const time = timeOf(second, minute, hour)
  const daily = !date && !inMonth && /^at \d\d:/.test(time) ? ' every day' : ''
  const sentence = `${time}${daily}${date}${inMonth}${inYear}`
  return `${sentence[0]!.toUpperCase()}${sentence.slice(1)}`
}
