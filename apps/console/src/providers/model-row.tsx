import { Badge, Menu, UnstyledButton } from '@mantine/core'
import type { ModelChange } from '@outlast/sdk'
import { useMutation } from '@tanstack/react-query'
import { useState } from 'react'
import { invalidate, outlast } from '../client.ts'
import { modelKeys } from '../queries/keys.ts'
import { useMay } from '../queries/me.ts'
import type { ListedModel } from '../queries/models.ts'
import { Confirm, Failed } from '../shell/confirm.tsx'
import { MoreMenu } from '../shell/more-menu.tsx'
import { abilitiesOf, modelLimits, pricesOf } from './listed.ts'

/** One model: names, limits, and prices per million tokens. */
export function ModelRow({ model }: { model: ListedModel }) {
  const { id, display_name, model_id, provider_name, is_default, is_favorite, profile } = model
  const mayChange = useMay('admin')
  const change = useMutation({
    mutationFn: (fields: ModelChange) => outlast.models.update(id, fields),
    onSuccess: () => invalidate(modelKeys.all),
  })
  const isOff = model.status === 'disabled'
  return (
    <div className="model-row" data-off={isOff || model.is_stale}>
      <UnstyledButton
        className="star"
        aria-label={`Favorite ${display_name}`}
        aria-pressed={is_favorite}
        disabled={!mayChange}
        onClick={() => change.mutate({ is_favorite: !is_favorite })}
      >
        {is_favorite ? '★' : '☆'}
      </UnstyledButton>
      <div className="model-cell">
        <div className="name" title={display_name}>
          <span>{display_name}</span>
          {is_default && (
            <Badge size="xs" variant="light">
              Default
            </Badge>
          )}
          {isOff && (
            <Badge size="xs" variant="light" color="gray">
              Disabled
            </Badge>
          )}
          {model.is_stale && (
            <Badge size="xs" variant="light" color="yellow">
              No longer listed
            </Badge>
          )}
        </div>
        <div className="dim" title={model_id}>
          {provider_name} · {model_id}
        </div>
      </div>
      <div className="model-cell limits">
        <div>{modelLimits(profile)}</div>
        <div className="dim">{abilitiesOf(profile)}</div>
      </div>
      <div className="model-cell">
        <div>{pricesOf(profile)}</div>
        <div className="dim">{profile?.cost && 'per 1M tokens'}</div>
      </div>
      {mayChange ? <Actions model={model} change={change.mutate} /> : <span />}
      <Failed of={[change]} />
    </div>
  )
}

type ActionsProps = { model: ListedModel; change: (fields: ModelChange) => void }

function Actions({ model, change }: ActionsProps) {
  const [isDeleting, setDeleting] = useState(false)
  const { id, display_name, status, is_default } = model
  return (
    <>
      <MoreMenu
        name={display_name}
        variant="subtle"
        color="gray"
        size="md"
        remove={() => setDeleting(true)}
      >
        {!is_default && status === 'active' && (
          <Menu.Item onClick={() => change({ is_default: true })}>Set as default</Menu.Item>
        )}
        <Menu.Item onClick={() => change({ status: status === 'active' ? 'disabled' : 'active' })}>
          {status === 'active' ? 'Disable' : 'Enable'}
        </Menu.Item>
      </MoreMenu>
      {isDeleting && (
        <Confirm
          title={`Delete ${display_name}?`}
          verb="Delete model"
          close={() => setDeleting(false)}
          act={async () => {
            await outlast.models.delete(id)
            invalidate(modelKeys.all)
          }}
        >
          If the provider still lists this model, the next sync adds it again. Disable it to hide
          it.
        </Confirm>
      )}
    </>
  )
}
