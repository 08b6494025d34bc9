import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { TranscriptItem } from '@outlast/sdk'
import { markdownOf } from './as-markdown.ts'

const item = (fields: object) => ({ key: 'k', at: '', turnId: 't', ...fields }) as TranscriptItem

test('writes messages, tools and failures of a conversation as Markdown', () => {
  const text = markdownOf('Sums', [
    item({
      kind: 'user_message',
      text: 'Add **2** and 3',
      content: [
        { type: 'text', text: 'x' },
        { type: 'image', base64: 'QQ==' },
      ],
    }),
    item({ kind: 'agent_message', text: '' }),
    item({
      kind: 'tool_call',
      name: 'add',
      arguments: { a: 2 },
      status: 'done',
      result: [{ type: 'text', text: 'a ``` b' }],
    }),
    item({ kind: 'agent_message', text: 'Five.' }),
    item({ kind: 'notice', type: 'turn.failed', data: { error: 'No key' } }),
  ])
  assert.equal(
    text,
    '# Sums\n\n## User\n\nAdd **2** and 3\n\n*Image*\n\n' +
      '**Tool add** (done)\n\n```json\n{\n  "a": 2\n}\n```\n\n````\na ``` b\n````\n\n' +
      '## Agent\n\nFive.\n\n> Turn failed: No key\n',
  )
})
