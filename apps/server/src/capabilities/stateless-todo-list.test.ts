import assert from 'node:assert/strict'
import { test } from 'node:test'
import { beforeAll } from '../../test/hooks.ts'
import { startServer } from '../../test/server.ts'
import { sessionWith, useTools } from '../../test/tool-session.ts'

let server: Awaited<ReturnType<typeof startServer>>
beforeAll(async (t) => {
  server = await startServer(t as never)
})

const todo = (status: string, content = 'Water the plants') => ({
  content,
  activeForm: 'Watering the plants',
  status,
})
const write = (...todos: object[]): [string, object] => ['write_todos', { todos }]

test('counts and returns a list, with a warning for an inconsistent one', async (t) => {
  const session = await sessionWith(server, 'stateless_todo_list')
  const good = [todo('completed'), todo('in_progress'), todo('pending'), todo('pending')]
  const answers = await useTools(
    t,
    server,
    session.id,
    write(...good),
    write(),
    write(todo('pending'), todo('completed')),
    write(todo('in_progress'), todo('in_progress')),
    write(todo('completed')),
    write(todo('pending'), todo('pending', '')),
    write(todo('begun')),
  )
  assert.deepEqual(answers[0], {
    success: true,
    total_tasks: 4,
    pending: 2,
    in_progress: 1,
    completed: 1,
    todos: good,
  })
  assert.deepEqual([answers[1].total_tasks, answers[1].warning], [0, undefined])
  assert.match(answers[2].warning, /^No task is in progress though some are pending/)
  assert.match(answers[3].warning, /^2 tasks are in progress: exactly one should be/)
  assert.equal(answers[4].warning, undefined)
  assert.match(answers[5], /^Invalid arguments for write_todos: todos\/1\/content must /)
  assert.match(answers[6], /todos\/0\/status must be one of pending, in_progress, completed/)
})

test('config limits the list and refuses several tasks in progress', async (t) => {
  const session = await sessionWith(server, 'stateless_todo_list', { items_max: 2, strict: true })
  const two = [todo('in_progress'), todo('in_progress')]
  const answers = await useTools(
    t,
    server,
    session.id,
    write(todo('in_progress'), todo('pending'), todo('pending')),
    write(...two),
    write(todo('in_progress'), todo('pending')),
  )
  assert.equal(answers[0], 'The list has 3 tasks; the maximum is 2.')
  assert.equal(answers[1], '2 tasks are in progress: exactly one should be.')
  assert.equal(answers[2].success, true)
})
