import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Alert } from '@outlast/sdk'
import { alertChange, alertDraft, newAlert, ruleText, valueText } from './draft.ts'

const stored: Alert = {
  id: 'alert_01933b5a000070008000000000000001',
  name: 'Failures',
  metric: 'failed_turn_share',
  agent_id: null,
  threshold: 0.07,
  resolve_below: 0.05,
  window_seconds: 3_600,
  min_turns: 20,
  repeat_seconds: null,
  enabled: true,
  state: 'ok',
  fired_at: null,
  value: 0,
  evaluated_at: null,
  created_at: '2026-11-27T09:30:00.000Z',
  updated_at: '2026-11-27T09:30:00.000Z',
}

test('the form of an alert shows percent and minutes, and saves what it shows', () => {
  const draft = alertDraft(stored)
  assert.deepEqual(
    [draft.threshold, draft.resolveBelow, draft.window, draft.repeat],
    [7, 5, 60, ''],
  )
  assert.deepEqual(alertChange(draft), {
    name: 'Failures',
    threshold: 0.07,
    resolve_below: 0.05,
    repeat_seconds: null,
    window_seconds: 3_600,
    min_turns: 20,
  })
})

test('a new alert has only the properties of its metric', () => {
  const draft = { ...alertDraft(undefined), name: ' Waits ', threshold: 30 }
  assert.deepEqual(newAlert({ ...draft, metric: 'waiting_seconds', agentId: 'agent_1' }), {
    name: 'Waits',
    metric: 'waiting_seconds',
    agent_id: 'agent_1',
    threshold: 1_800,
    resolve_below: null,
    repeat_seconds: null,
  })
})

test('values are shown with their units', () => {
  assert.equal(valueText('cost_usd', 12.5), '$12.50')
  assert.equal(valueText('cost_usd', 0.0012), '$0.0012')
  assert.equal(valueText('failed_turn_share', 2 / 3), '66.7 %')
  assert.equal(valueText('failed_turns', 1), '1 turn')
  assert.equal(valueText('queue_seconds', 90), '1 min 30 s')
  assert.equal(ruleText(stored), 'Share of failed turns of at least 7 % within 1 h')
})
