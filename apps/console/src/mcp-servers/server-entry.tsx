import { Badge, Button, Menu, Text } from '@mantine/core'
import type { McpServer, McpServerTest } from '@outlast/sdk'
import { useMutation } from '@tanstack/react-query'
import { useState } from 'react'
import { ToolDetails } from '../capabilities/tool.tsx'
import { outlast } from '../client.ts'
import { mcpServersChanged } from '../queries/mcp-servers.ts'
import { useMay } from '../queries/me.ts'
import { ActButton } from '../shell/controls/act-button.tsx'
import { Confirm, Refusal } from '../shell/controls/confirm.tsx'
import { MoreMenu } from '../shell/controls/more-menu.tsx'
import { ListRow } from '../shell/list/list.tsx'
import { State, type StateKind } from '../shell/screen/state.tsx'
import { Ago } from '../shell/text/ago.tsx'
import { Named } from '../shell/text/identity.tsx'
import { isOnThisMachine } from './draft.ts'
import { ServerForm } from './server-form.tsx'

/** Returns the last known state of a server. */
export function serverState({
  status,
  tools_error,
  tools_listed_at,
}: McpServer): [StateKind, string] {
  if (status === 'disabled') return ['off', 'disabled']
  if (tools_error) return ['bad', 'unavailable']
  return tools_listed_at ? ['good', 'connected'] : ['off', 'not tested']
}

export function ServerEntry({ server }: { server: McpServer }) {
  const { id, name, url, description, tools_error, status, tool_count, tools_listed_at } = server
  const [opened, setOpened] = useState<'edit' | 'delete'>()
  const mayChange = useMay('admin')
  const test = useMutation({
    mutationFn: () => outlast.mcpServers.test(id),
    onSettled: mcpServersChanged,
  })
  const toggle = useMutation({
    mutationFn: () =>
      outlast.mcpServers.update(id, { status: status === 'active' ? 'disabled' : 'active' }),
    onSuccess: mcpServersChanged,
  })
  const close = () => setOpened(undefined)
  const [kind, word] = serverState(server)
  return (
    <>
      <ListRow
        label={name}
        isOff={status === 'disabled'}
        below={
          <>
            <Changed server={server} />
            {(test.error ?? toggle.error) && <Refusal error={test.error ?? toggle.error} />}
            {test.data ? (
              <Tested result={test.data} url={url} />
            ) : (
              tools_error && status === 'active' && <Down message={tools_error} url={url} />
            )}
          </>
        }
      >
        <span className="list-name" title={description}>
          <Named name={name} icon="plug" />
        </span>
        <State kind={kind}>{word}</State>
        <span className="list-dim" title={url}>
          {url}
        </span>
        <span title={description}>{description}</span>
        <Credentials server={server} />
        <span className="list-dim">{tool_count}</span>
        <span className="list-dim">{tools_listed_at && <Ago at={tools_listed_at} />}</span>
        <div className="list-actions">
          {mayChange && (
            <>
              <ActButton act={test}>Test</ActButton>
              <MoreMenu name={name} remove={() => setOpened('delete')}>
                <Menu.Item onClick={() => setOpened('edit')}>Edit</Menu.Item>
                <Menu.Item onClick={() => toggle.mutate()}>
                  {status === 'active' ? 'Disable' : 'Enable'}
                </Menu.Item>
              </MoreMenu>
            </>
          )}
        </div>
      </ListRow>
      {opened === 'edit' && <ServerForm stored={server} close={close} />}
      {opened === 'delete' && (
        <Confirm
          title={`Delete ${name}?`}
          verb="Delete server"
          done="MCP server deleted"
          close={close}
          act={async () => {
            await outlast.mcpServers.delete(id)
            mcpServersChanged()
          }}
        >
          {description} Agents that use this server continue without its tools.
        </Confirm>
      )}
    </>
  )
}

function Credentials({ server: { api_key_set, headers } }: { server: McpServer }) {
  const count = Object.keys(headers ?? {}).length
  return (
    <>
      {api_key_set && (
        <Badge size="xs" variant="light" color="gray">
          API key set
        </Badge>
      )}
      {count > 0 && (
        <Badge size="xs" variant="light" color="gray">
          {count === 1 ? '1 header' : `${count} headers`}
        </Badge>
      )}
    </>
  )
}

/** The tools that are new or changed since the list was reviewed. */
function Changed({ server }: { server: McpServer }) {
  const { id, tools_hash, changed_tools: changed } = server
  const mayConfirm = useMay('admin')
  const confirm = useMutation({
    mutationFn: (hash: string) => outlast.mcpServers.review(id, { tools_hash: hash }),
    onSettled: mcpServersChanged,
  })
  if (!tools_hash || !changed) return null
  return (
    <div>
      <State kind="bad">Changed since review: {changed.join(', ')}</State>
      <Text size="sm" c="dimmed">
        If an agent requires approval for tools of this server, these tools require it too.
      </Text>
      {mayConfirm && (
        <Button
          size="xs"
          variant="default"
          loading={confirm.isPending}
          onClick={() => confirm.mutate(tools_hash)}
        >
          Confirm tools
        </Button>
      )}
      {confirm.error && <Refusal error={confirm.error} />}
    </div>
  )
}

/** Why the tools cannot be listed, with a fix. */
function Down({ message, url }: { message: string; url: string }) {
  return (
    <div>
      <State kind="bad">Could not list tools</State>
      <Text size="sm">{message}</Text>
      <Text size="sm" c="dimmed">
        {isOnThisMachine(url)
          ? 'Check that the server is running. Private addresses must be listed in PRIVATE_HOSTS_ALLOWED with host and port.'
          : 'Check the URL, API key and headers. Until the server is available, turns continue without its tools.'}
      </Text>
    </div>
  )
}

function Tested({ result, url }: { result: McpServerTest; url: string }) {
  const { ok, message, latency_ms, server, tools, warnings } = result
  if (!ok) return <Down message={message ?? 'The server gave no reason.'} url={url} />
  const { name, version } = (server ?? {}) as { name?: string; version?: string }
  return (
    <div>
      <State kind="good">
        Connected: {[name, version].filter(Boolean).join(' ')} listed{' '}
        {tools.length === 1 ? '1 tool' : `${tools.length} tools`} in {latency_ms} ms.
      </State>
      {warnings.map((warning) => (
        <Text key={warning} size="sm" c="var(--outlast-wait-text)">
          {warning}
        </Text>
      ))}
      {tools.map((tool) => (
        <ToolDetails key={tool.name} tool={tool} from={tool.remote_name} />
      ))}
    </div>
  )
}
