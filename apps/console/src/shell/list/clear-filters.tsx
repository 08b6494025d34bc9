import { Button } from '@mantine/core'
import { Link } from '@tanstack/react-router'

/** Removes all filters of a screen, but stays on its tab. Shown when nothing matches. */
export const ClearFilters = () => (
  <div>
    <Button
      size="xs"
      variant="default"
      mt="sm"
      renderRoot={(props) => (
        <Link to="." search={(({ tab }: { tab?: string }) => ({ tab })) as never} {...props} />
      )}
    >
      Clear filters
    </Button>
  </div>
)
