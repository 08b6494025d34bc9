import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import test from 'node:test'
import { type StepEvent, type TurnStep, type TurnSteps, turnStepsOf } from './turn-steps.ts'

/** A recorded log with shortened ids and texts. */
function recorded(name: string): StepEvent[] {
  const file = new URL(`../../test/logs/${name}.jsonl`, import.meta.url)
  const lines = readFileSync(file, 'utf8').trim().split('\n')
  return lines.map((line) => JSON.parse(line))
}

/** The sequences of a step's start and end, and the causes of further attempts. */
function shown(step: TurnStep): string {
  const { kind, attempts, ended } = step
  const name = 'call' in step ? ` ${step.call.id}` : ''
  const tries = attempts.map(({ began, broke, code }) =>
    [began.sequence, broke, code].filter((part) => part !== undefined).join(' '),
  )
  return `${kind}${name}: ${tries.join(', ')} to ${ended?.sequence ?? 'open'}`
}

const stepsIn = ({ steps }: TurnSteps) => steps.map(shown)
const only = (events: readonly StepEvent[]) => {
  const turns = turnStepsOf(events)
  assert.equal(turns.length, 1)
  return turns[0]!
}

test('derives one step of three attempts from a call that failed twice', () => {
  const turn = only(recorded('retry'))
  assert.deepEqual(stepsIn(turn), [
    'queue: 2 to 4',
    'model: 6 retry llm_overloaded, 7 retry llm_overloaded, 8 to 9',
  ])
  assert.equal(turn.input?.sequence, 2)
  assert.deepEqual([turn.first.sequence, turn.last.sequence, turn.ended?.sequence], [3, 13, 12])
  assert.equal(turn.modelCalls, 1)
})

test('assigns an unreported attempt to the previous node', () => {
  assert.deepEqual(stepsIn(only(recorded('takeover-model'))), [
    'queue: 2 to 4',
    'model: 6 takeover, 7 to 8',
  ])
  const open = recorded('takeover-model').slice(0, 7)
  assert.deepEqual(stepsIn(only(open)), ['queue: 2 to 4', 'model: 6 retry, 7 to open'])
})

test('separates retries of a node from the attempt before its takeover', () => {
  const events = recorded('retry').map((event) =>
    event.type === 'llm.generation'
      ? {
          ...event,
          data: {
            metadata: {
              ...event.data.metadata,
              retry: { attempts: 1, total_wait_ms: 1, error_codes: ['llm_network'] },
            },
          },
        }
      : event,
  )
  assert.deepEqual(stepsIn(only(events)), [
    'queue: 2 to 4',
    'model: 6 takeover, 7 retry llm_network, 8 to 9',
  ])
})

test('derives one step from a tool that ran again on another node', () => {
  const events = recorded('takeover-tool')
  const isStarted = ({ type }: StepEvent) => type === 'tool.started'
  const { id } = (events.find(isStarted) as StepEvent<'tool.started'>).data.tool_call
  const around = (tool: string) => ['queue: 2 to 4', 'model: 6 to 7', tool, 'model: 15 to 16']
  assert.deepEqual(stepsIn(only(events)), around(`tool ${id}: 11 to 12`))
  const again = { ...events.find(isStarted)!, sequence: 11.5 }
  const twice = events.flatMap((event) => (isStarted(event) ? [event, again] : [event]))
  assert.deepEqual(stepsIn(only(twice)), around(`tool ${id}: 11 takeover, 11.5 to 12`))
})

test('derives a step of the replying model from a summary', () => {
  const turn = only(recorded('compaction'))
  assert.deepEqual(stepsIn(turn), ['queue: 12 to 14', 'summary: 16 to 17', 'model: 18 to 19'])
  const [, summary, reply] = turn.steps
  assert.ok(summary?.kind === 'summary' && reply?.kind === 'model')
  assert.equal(summary.model, reply.model)
})

test('derives steps from approvals and client tools, and none from a denied call', () => {
  assert.deepEqual(stepsIn(only(recorded('approval'))), [
    'queue: 2 to 4',
    'model: 6 to 7',
    'approval a: 11 to 15',
    'approval b: 12 to 16',
    'client_tool c: 13 to 14',
    'tool a: 18 to 19',
    'model: 22 to 23',
  ])
})

test('keeps steps open at a cancel, and separates the next turn', () => {
  const [cancelled, next, ...others] = turnStepsOf(recorded('cancel'))
  assert.equal(others.length, 0)
  assert.deepEqual(stepsIn(cancelled!), ['queue: 2 to 4', 'model: 6 to open'])
  assert.equal(cancelled?.ended?.type, 'turn.cancelled')
  assert.equal(cancelled?.last.sequence, 9)
  assert.deepEqual(stepsIn(next!), ['queue: 7 to 11', 'model: 13 to 14'])
})

test('derives steps from any part of a log', () => {
  for (const name of ['retry', 'takeover-tool', 'compaction', 'approval', 'cancel']) {
    const events = recorded(name)
    const whole = turnStepsOf(events).flatMap(({ steps }) => steps)
    for (let cut = 0; cut <= events.length; cut += 1) {
      const before = turnStepsOf(events.slice(0, cut)).flatMap(({ steps }) => steps)
      assert.deepEqual(
        before.map(({ kind }) => kind),
        whole.slice(0, before.length).map(({ kind }) => kind),
      )
      turnStepsOf(events.slice(cut))
    }
  }
})

test('ignores unknown event types', () => {
  const events = recorded('retry')
  const newer = { ...events[5]!, type: 'tool.dreamed' } as unknown as StepEvent
  assert.deepEqual(stepsIn(only([...events.slice(0, 6), newer, ...events.slice(6)])), [
    'queue: 2 to 4',
    'model: 6 retry llm_overloaded, 7 retry llm_overloaded, 8 to 9',
  ])
})

test('a turn that retries another has no queue, and names the same message', () => {
  const events = recorded('retry')
  const again = events
    .filter(({ context }) => context.turn_id)
    .map((event) => ({ ...event, context: { ...event.context, turn_id: 'turn_again' } }))
  const [first, second, ...none] = turnStepsOf([...events, ...again])
  assert.deepEqual(none, [])
  assert.equal(second!.input, first!.input)
  assert.deepEqual(
    [first, second].map((turn) => turn!.steps.map(({ kind }) => kind)),
    [['queue', 'model'], ['model']],
  )
})
