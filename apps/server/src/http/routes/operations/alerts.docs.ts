import type { DocsTable } from '../../core/docs.ts'

const id = 'alert_01933b5a000070008000000000000001'

const body = {
  name: 'Cost of a day',
  metric: 'cost_usd',
  threshold: 50,
  resolve_below: 40,
  window_seconds: 86_400,
}

export const alertDocs = {
  list_alerts: {
    tag: 'Alerts',
    summary: 'List alerts',
    description:
      'Returns a page of the alerts of the organization with their states and latest values, newest first.',
    sample: "const alerts = await outlast.alerts.list({ state: 'firing' })",
  },
  create_alert: {
    tag: 'Alerts',
    summary: 'Create an alert',
    description:
      'Creates an alert, which the server evaluates every 15 seconds. It fires once when the value reaches `threshold`, and resolves once when the value falls below `resolve_below`. Webhooks that subscribe to `alert.fired` and `alert.resolved` receive both. `cost_usd` and `failed_turn_share` count from the creation of the alert on. An organization has at most 100 alerts.',
    errors: ['quota_exceeded'],
    request: body,
    sample:
      "const alert = await outlast.alerts.create({\n  name: 'Cost of a day',\n  metric: 'cost_usd',\n  threshold: 50,\n  resolve_below: 40,\n  window_seconds: 86_400,\n})",
  },
  get_alert: {
    tag: 'Alerts',
    summary: 'Get an alert',
    description: 'Returns an alert with its state and the value of its latest evaluation.',
    sample: `const alert = await outlast.alerts.get('${id}')`,
  },
  update_alert: {
    tag: 'Alerts',
    summary: 'Update an alert',
    description:
      'Changes the given properties of an alert; absent ones stay. The alert is evaluated soon afterwards. `enabled: false` stops its evaluation and resolves it with `resolution: disabled` if it fires.',
    request: { threshold: 100 },
    sample: `const alert = await outlast.alerts.update('${id}', { threshold: 100 })`,
  },
  delete_alert: {
    tag: 'Alerts',
    summary: 'Delete an alert',
    description:
      'Deletes an alert with its firings. If it fires, webhooks receive `alert.resolved` with `resolution: deleted`.',
    sample: `await outlast.alerts.delete('${id}')`,
  },
  list_alert_firings: {
    tag: 'Alerts',
    summary: 'List firings of an alert',
    description: 'Returns a page of the newest 100 firings of an alert, newest first.',
    sample: `const firings = await outlast.alerts.listFirings('${id}')`,
  },
} as const satisfies DocsTable
