import type { Event } from '@outlast/contract'
import { failureKinds } from '../../apps/server/src/providers/failure.ts'
import type { SessionEvidence } from '../evidence.ts'

/** Returns the log at the end; empty when no node returned it. */
export const logOf = ({ logs }: Pick<SessionEvidence, 'logs'>): Event[] => logs[0]?.events ?? []

/** Returns events of one type, typed by it. */
export function ofType<T extends Event['type']>(events: readonly Event[], type: T) {
  return events.filter((event) => event.type === type) as Event<T>[]
}

/** Returns the text parts of a message. */
export function textOf({ content }: { content: { type: string; text?: string }[] }): string {
  return content.map((part) => (part.type === 'text' ? (part.text ?? '') : '')).join('')
}

const standstillMsMax = 10_000
const apology = failureKinds.unknown.sentence
const scriptIsOver = 'Simulated: the script has ended.'

export function brokenSequences(session: SessionEvidence): string[] {
  const events = logOf(session)
  if (events.length === 0) return ['no node gave the log at the end']
  const sequences = events.map(({ sequence }) => sequence ?? 0)
  return firstBreak(sequences, 0).map((what) => `the log ${what}`)
}

function firstBreak(sequences: readonly number[], after: number): string[] {
  const at = sequences.findIndex((sequence, index) => sequence !== after + index + 1)
  return at === -1 ? [] : [`has sequence ${sequences[at]} where ${after + at + 1} belongs`]
}

export function pagesWithGaps({ glimpses }: SessionEvidence): string[] {
  return glimpses.flatMap(({ node, after, known, sequences }) => {
    const length = after + sequences.length
    const late = length < known ? [`${node} gave ${length} events, ${known} had been seen`] : []
    return [...late, ...firstBreak(sequences, after).map((what) => `a page from ${node} ${what}`)]
  })
}

export function differingLogs(session: SessionEvidence): string[] {
  const first = session.logs[0]
  if (!first) return []
  const wanted = JSON.stringify(first.events)
  return session.logs
    .filter(({ events }) => JSON.stringify(events) !== wanted)
    .map(({ node }) => `${node} and ${first.node} do not give the same log`)
}

/** Compares every observed form of an event with its form in the log. */
export function changedEvents(session: SessionEvidence): string[] {
  const final = new Map(logOf(session).map((event) => [event.sequence, JSON.stringify(event)]))
  return [...session.copies].flatMap(([sequence, forms]) =>
    [...forms]
      .filter(([json]) => json !== final.get(sequence))
      .map(([json, where]) => {
        const now = final.get(sequence) ?? 'nothing'
        return `event ${sequence} was ${short(json)} (${where}) and is ${short(now)}`
      }),
  )
}

const short = (text: string) => (text.length > 600 ? `${text.slice(0, 600)}…` : text)

export function earlyIdles({ idles }: SessionEvidence): string[] {
  return idles
    .filter(({ lastType }) => lastType !== 'session.idled')
    .map(
      ({ node, lastType, lastSequence }) =>
        `the session was reported idle, and then its log at ${node} ended with ${lastType} (${lastSequence})`,
    )
}

export function standstills({ stalledMs }: SessionEvidence): string[] {
  if (stalledMs <= standstillMsMax) return []
  return [
    `it made no progress for ${(stalledMs / 1000).toFixed(1)} s while a node could have run it`,
  ]
}

export function notIdle(session: SessionEvidence): string[] {
  const { statusAtEnd } = session
  const last = logOf(session).at(-1)
  if (statusAtEnd === 'started' && last?.type === 'session.started') return []
  const wrong = statusAtEnd === 'idle' ? [] : [`its status at the end is ${statusAtEnd}`]
  return last?.type === 'session.idled' ? wrong : [...wrong, `its log ends with ${last?.type}`]
}

/** A reply is a text of a script, or its beginning where it was interrupted. */
export function unknownTexts(session: SessionEvidence): string[] {
  const { texts } = session
  const known = new Set([...texts, apology, scriptIsOver, ''])
  const whole = ofType(logOf(session), 'output.message.completed')
  return whole
    .map(({ data, sequence }) => ({ text: textOf(data.message), sequence }))
    .filter(({ text }) => !known.has(text) && ![...texts].some((full) => full.startsWith(text)))
    .map(({ text, sequence }) => `message ${sequence} has a text of no script: ${short(text)}`)
}
