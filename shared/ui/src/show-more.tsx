import { Button } from '@mantine/core'
import type { InfiniteData } from '@tanstack/react-query'

type ShowMoreProps = {
  query: { hasNextPage: boolean; isFetchingNextPage: boolean; fetchNextPage: () => unknown }
}

/** Below a list that comes in pages: fetches the next one, and is gone with the last. */
export function ShowMore({ query }: ShowMoreProps) {
  if (!query.hasNextPage) return null
  return (
    <Button
      variant="default"
      w="fit-content"
      mx="auto"
      loading={query.isFetchingNextPage}
      onClick={() => void query.fetchNextPage()}
    >
      Show more
    </Button>
  )
}

/** The items of all pages that are there. */
export const itemsOf = <T,>(data: InfiniteData<{ items: T[] }>): T[] =>
  data.pages.flatMap(({ items }) => items)
