import { Badge, Menu, UnstyledButton } from '@mantine/core'
import type { ModelChange } from '@outlast/sdk'
import { useMutation } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import { useState } from 'react'
import { invalidate, outlast } from '../client.ts'
import { modelKeys } from '../queries/keys.ts'
import { useMay } from '../queries/me.ts'
import type { ListedModel } from '../queries/models.ts'
import { Confirm, Failed } from '../shell/controls/confirm.tsx'
import { MoreMenu } from '../shell/controls/more-menu.tsx'
import { ListRow, type RowPlace } from '../shell/list/list.tsx'
import { Named } from '../shell/text/identity.tsx'
import { abilitiesOf, priceOf, tokensOf } from './listed.ts'

type ModelRowProps = { model: ListedModel; place: RowPlace | undefined }

/** One model: names, limits, and prices per million tokens. */
export function ModelRow({ model, place }: ModelRowProps) {
  const { id, display_name, provider_id, provider_name, is_favorite, profile, status } = model
  const mayChange = useMay('admin')
  const change = useMutation({
    mutationFn: (fields: ModelChange) => outlast.models.update(id, fields),
    onSuccess: () => invalidate(modelKeys.all),
  })
  return (
    <>
      <ListRow label={display_name} place={place} isOff={status === 'disabled' || model.is_stale}>
        <div className="list-pair">
          <UnstyledButton
            className="star"
            aria-label={`Favorite ${display_name}`}
            aria-pressed={is_favorite}
            disabled={!mayChange}
            onClick={() => change.mutate({ is_favorite: !is_favorite })}
          >
            {is_favorite ? '★' : '☆'}
          </UnstyledButton>
          <ModelName model={model} />
        </div>
        <Link to="/providers" search={{ provider: provider_id }}>
          <Named name={provider_name} />
        </Link>
        <span className="list-dim">{abilitiesOf(profile)}</span>
        {tokensOf(profile?.limits?.context)}
        {tokensOf(profile?.limits?.output)}
        {priceOf(profile?.cost?.input)}
        {priceOf(profile?.cost?.output)}
        <div className="list-actions">
          {mayChange && <Actions model={model} change={change.mutate} />}
        </div>
      </ListRow>
      <Failed of={[change]} />
    </>
  )
}

function ModelName({ model }: { model: ListedModel }) {
  const { display_name, model_id, is_default, is_stale, status, healthy } = model
  return (
    <>
      <span title={model_id} className="list-name">
        <Named name={display_name} icon="model" />
      </span>
      {is_default && (
        <Badge size="xs" variant="light">
          Default
        </Badge>
      )}
      {status === 'disabled' && (
        <Badge size="xs" variant="light" color="gray">
          Disabled
        </Badge>
      )}
      {is_stale && (
        <Badge size="xs" variant="light" color="yellow">
          No longer listed
        </Badge>
      )}
      {healthy === false && (
        <Badge size="xs" variant="light" color="yellow">
          No API key
        </Badge>
      )}
    </>
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
        size={28}
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
          done="Model deleted"
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
