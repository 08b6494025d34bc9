import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { runsOf, toolFile, writeProject } from '../../test/processes/project-files.ts'
import { eventually } from '../../test/waiting.ts'
import { defineTool } from '../authoring/index.ts'
import { runTool, scriptedModel, startTestServer } from './index.ts'

const timeoutMs = 60_000

const clerk = {
  name: 'Clerk',
  system_prompt: 'You book flights.',
  capabilities: [{ ref: 'tools' }],
}

/** The first lines of tools note each run in a file. */
const noted = `
  const { appendFileSync } = await import('node:fs')
  appendFileSync('runs.log', context.idempotencyKey + '\\n')
`
const seat = `await context.ask({
  id: 'seat', question: 'Which seat?', options: [{ label: 'Window' }, { label: 'Aisle' }],
})`

/** Starts a server whose model calls the tool `book`, and waits until the tool runs. */
async function booking(t: TestContext, run: string, fields = '') {
  const project = writeProject(t, { 'tools/book.ts': toolFile(noted + run, fields) })
  const model = scriptedModel([{ calls: [{ name: 'book', arguments: {} }] }, { text: 'Done.' }])
  const server = await startTestServer({ project, model, agents: [clerk] })
  t.after(server.stop)
  const session = await server.session()
  const turn = session.send('Book it.')
  turn.catch(() => {})
  const runs = () => runsOf(project)
  const asked = (n = 1) =>
    eventually(async () => {
      const found = []
      for await (const event of server.client.events.list(session.id)) {
        if (event.type === 'tool.call_requested') found.push(event)
      }
      return found[n - 1]?.data.input
    })
  const outcome = async () => {
    const { data } = await server.until(session, 'tool.completed', { timeoutMs })
    const [part] = data.result ?? []
    return part?.type === 'text' ? JSON.parse(part.text) : data.error
  }
  return { server, session, turn, runs, asked, outcome }
}

test('a tool that asks runs again after the answer, also after a crash during the wait', async (t) => {
  const { server, session, turn, runs, asked, outcome } = await booking(
    t,
    `const answer = ${seat}; return answer`,
  )
  const input = await asked()
  assert.equal(input?.questions[0]?.id, 'seat')
  await eventually(async () => {
    const { waiting_for } = await server.client.sessions.get(session.id)
    return waiting_for?.type === 'input'
  })
  await server.kill()
  await server.restart()
  assert.equal(runs().length, 1)
  const accepted = await session.answer({ answers: [{ id: 'seat', selected: ['Aisle'] }] })
  assert.equal(accepted.status, 'answered')
  assert.equal((await turn).text, 'Done.')
  assert.deepEqual(await outcome(), {
    status: 'answered',
    answered_by: 'user',
    answers: [{ id: 'seat', selected: ['Aisle'] }],
  })
  const [first, second, ...more] = runs()
  assert.equal(first, second)
  assert.deepEqual(more, [])
  const { data } = await server.until(session, 'tool.input_resolved', { timeoutMs })
  assert.equal(data.status, 'answered')
})

test('a crash while a safe tool asks leaves one set of questions to answer', async (t) => {
  const { server, session, turn, runs, asked } = await booking(t, `return (${seat}).status`)
  await eventually(async () => runs().length === 1)
  await server.kill()
  await server.restart()
  await asked()
  await session.answer({ status: 'declined' })
  assert.equal((await turn).text, 'Done.')
})

test('several questions are asked one after the other, and each run gets all earlier answers', async (t) => {
  const { session, turn, runs, asked, outcome } = await booking(
    t,
    `const one = ${seat}
     const name = await context.ask([{ kind: 'text', id: 'name', question: 'Whose name?' }])
     return [one.answers[0].selected[0], name.answers[0].value]`,
    `policy: 'auto',`,
  )
  await asked(1)
  await session.answer({ answers: [{ id: 'seat', selected: ['Window'] }] })
  await asked(2)
  await session.answer({ answers: [{ id: 'name', value: 'Ada' }] })
  assert.equal((await turn).text, 'Done.')
  assert.deepEqual(await outcome(), ['Window', 'Ada'])
  assert.equal(runs().length, 3)
})

test('an answer to earlier questions of a call is no answer to its next ones', async (t) => {
  const { session, turn, asked, outcome } = await booking(
    t,
    `const one = await context.ask({ kind: 'boolean', question: 'Cancel the seat?' })
     const two = await context.ask({ kind: 'boolean', question: 'Cancel the flight?' })
     return [one.answers[0].value, two.answers[0].value]`,
    `policy: 'auto',`,
  )
  const first = { asked_at: (await asked(1))!.asked_at, answers: [{ id: 'q1', value: true }] }
  await session.answer(first)
  const second = (await asked(2))!
  await assert.rejects(session.answer(first), { code: 'question_not_waiting', status: 409 })
  await session.answer({ asked_at: second.asked_at, answers: [{ id: 'q1', value: false }] })
  assert.equal((await turn).text, 'Done.')
  assert.deepEqual(await outcome(), [true, false])
})

test('an unsafe tool runs again after answers, and not after a crash that follows them', async (t) => {
  const project = `
    const answer = ${seat}
    if (answer.status === 'answered') await new Promise(() => {})`
  const { server, session, turn, runs, asked, outcome } = await booking(
    t,
    project,
    `replay: 'unsafe',`,
  )
  await asked()
  await session.answer({ answers: [{ id: 'seat', selected: ['Aisle'] }] })
  await eventually(async () => runs().length === 2)
  await server.kill()
  await server.restart()
  assert.equal((await turn).text, 'Done.')
  assert.match(await outcome(), /interrupted/)
  assert.equal(runs().length, 2)
})

test('a message instead of answers, and the end of the time to answer, resume the tool', async (t) => {
  const cancelled = await booking(t, `return (${seat}).status`)
  await cancelled.asked()
  await cancelled.session.send('Forget the seat.')
  assert.equal(await cancelled.outcome(), 'cancelled')
  const expired = await booking(
    t,
    `const { status, answers } = await context.ask(
       { question: 'Which?', options: [{ label: 'A' }, { label: 'B', default: true }] },
       { expiresInSeconds: 1 })
     return { status, answers }`,
  )
  assert.deepEqual(await expired.outcome(), {
    status: 'timed_out',
    answers: [{ id: 'q1', selected: ['B'] }],
  })
})

test('invalid questions, and others than in the first run, are errors of the tool', async (t) => {
  const five = `await context.ask(Array.from({ length: 5 }, () => ({ kind: 'text', question: 'x' })))`
  const invalid = await booking(t, five)
  assert.match(await invalid.outcome(), /Invalid questions/)
  const half = `await context.ask({ kind: 'text', id: '\\ud83d', question: 'x' })`
  const unanswerable = await booking(t, half)
  assert.match(await unanswerable.outcome(), /Invalid questions.*half a surrogate pair/)
  const changing = await booking(
    t,
    `await context.ask({ kind: 'text', id: 'a', question: 'Now ' + Math.random() })`,
  )
  await changing.asked()
  await changing.session.answer({ answers: [{ id: 'a', value: 'x' }] })
  assert.match(await changing.outcome(), /asked other questions than before/)
})

test('a tool alone gets its answers from the test', async () => {
  const book = defineTool({
    description: 'Books.',
    replay: 'safe',
    run: async (_, { ask }) => (await ask({ kind: 'text', question: 'Whose name?' })).answers,
  })
  const { result } = await runTool(
    book,
    {},
    {
      ask: ([question]) => ({
        status: 'answered',
        answered_by: 'user',
        answers: [{ id: question!.id, value: 'Ada' }],
      }),
    },
  )
  assert.deepEqual(result, [{ id: 'q1', value: 'Ada' }])
  await assert.rejects(runTool(book), (error: Error) => {
    assert.match(String(error.cause), /The tool asked: Whose name\?/)
    return true
  })
})
