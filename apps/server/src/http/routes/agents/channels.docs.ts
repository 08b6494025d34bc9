import type { DocsTable } from '../../core/docs.ts'

const agent = 'agent_01933b5a000070008000000000000101'
const channel = 'appchan_01933b5a000070008000000000000001'
const key = 'agentkey_01933b5a000070008000000000000001'

export const channelDocs = {
  list_agent_channels: {
    tag: 'Agent channels',
    summary: 'List the channels of an agent',
    description: 'Returns the channels of an agent as an array, newest first.',
    sample: `const channels = await outlast.agentChannels.list('${agent}')`,
  },
  create_agent_channel: {
    tag: 'Agent channels',
    summary: 'Create a channel',
    description:
      'Creates a channel of an agent, a door for programs outside of the organization. It is a draft: callers are served after `publish`. An agent has at most 100 channels.',
    errors: ['encryption_not_configured', 'quota_exceeded'],
    sample: `const channel = await outlast.agentChannels.create('${agent}', {\n  channel_type: 'api',\n  channel_config: { visibility: 'messages' },\n})`,
  },
  get_agent_channel: {
    tag: 'Agent channels',
    summary: 'Get a channel',
    description: 'Returns a channel of an agent.',
    sample: `const channel = await outlast.agentChannels.get('${agent}', '${channel}')`,
  },
  update_agent_channel: {
    tag: 'Agent channels',
    summary: 'Update a channel',
    description:
      'Changes the settings of a channel, or closes it with `enabled: false`. New settings replace all previous ones. Within a second they hold on every node, and open streams of the channel end, so that clients reconnect with the new settings.',
    errors: ['encryption_not_configured'],
    sample: `const channel = await outlast.agentChannels.update('${agent}', '${channel}', {\n  enabled: false,\n})`,
  },
  delete_agent_channel: {
    tag: 'Agent channels',
    summary: 'Delete a channel',
    description:
      'Deletes a channel and its keys. Within a second no node serves it. Its sessions stay, for members of the organization.',
    sample: `await outlast.agentChannels.delete('${agent}', '${channel}')`,
  },
  publish_agent_channel: {
    tag: 'Agent channels',
    summary: 'Publish a channel',
    description: 'Makes a draft live: callers with a key of the channel are served.',
    errors: ['channel_disabled'],
    sample: `const channel = await outlast.agentChannels.publish('${agent}', '${channel}')`,
  },
  unpublish_agent_channel: {
    tag: 'Agent channels',
    summary: 'Unpublish a channel',
    description:
      'Makes a live channel a draft again. Within a second no node serves its callers, and their open streams end. Its keys stay.',
    errors: ['channel_disabled'],
    sample: `const channel = await outlast.agentChannels.unpublish('${agent}', '${channel}')`,
  },
  list_agent_keys: {
    tag: 'Agent channels',
    summary: 'List the keys of a channel',
    description:
      'Returns the keys of a channel as an array without secrets, newest first, revoked ones included, at most 1,000.',
    sample: `const keys = await outlast.agentChannels.listKeys('${agent}', '${channel}')`,
  },
  create_agent_key: {
    tag: 'Agent channels',
    summary: 'Create a key of a channel',
    description:
      'Creates a key for a program that calls the channel. The response is the only one that contains the secret. The key opens the execution API of its channel and nothing else. It belongs to the organization: it does not end with the membership of its creator. A channel has at most 100 valid keys.',
    errors: ['quota_exceeded'],
    sample: `const { secret } = await outlast.agentChannels.createKey('${agent}', '${channel}', {\n  name: 'Shop',\n  permissions: ['sessions', 'end_user'],\n})`,
  },
  rotate_agent_key: {
    tag: 'Agent channels',
    summary: 'Rotate a key of a channel',
    description:
      'Gives a key a new secret, which only this response contains. The previous secret is accepted for `overlap_hours` more; an older one ends at once. Sessions and runtime tokens of the key continue.',
    sample: `const { secret } = await outlast.agentChannels.rotateKey('${agent}', '${channel}', '${key}')`,
  },
  revoke_agent_key: {
    tag: 'Agent channels',
    summary: 'Revoke a key of a channel',
    description:
      'Revokes a key with both of its secrets and its runtime tokens. Within a second no node accepts them, and their open streams end.',
    sample: `await outlast.agentChannels.revokeKey('${agent}', '${channel}', '${key}')`,
  },
} as const satisfies DocsTable
