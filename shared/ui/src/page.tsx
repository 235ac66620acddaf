import { Anchor, Breadcrumbs, Group, Stack, Text, Title } from '@mantine/core'
import { useDocumentTitle } from '@mantine/hooks'
import { type ReactNode, useEffect, useRef } from 'react'
import { Link } from 'react-router'

type PageProps = {
  title: string
  /** One line below the title: what this page is for. */
  description?: ReactNode
  /** Buttons at the right of the title. */
  actions?: ReactNode
  /** The way back, from the top: pages above this one. */
  above?: { title: string; to: string }[]
  children: ReactNode
}

/** One page: names the tab, moves the focus to its heading when it opens, and has a place for what one does here. */
export function Page({ title, description, actions, above = [], children }: PageProps) {
  useDocumentTitle(`${title} · Nora`)
  const heading = useRef<HTMLHeadingElement>(null)
  useEffect(() => {
    // A page that put the focus somewhere itself (a form's first field) keeps it.
    if (document.activeElement === document.body || document.activeElement === null)
      heading.current?.focus({ preventScroll: true })
  }, [])
  return (
    <Stack gap="lg">
      <Group justify="space-between" align="flex-start" gap="md">
        <Stack gap={4} miw={0} flex="1 1 16rem">
          {above.length > 0 && (
            <Breadcrumbs separatorMargin={6} aria-label="Where you are">
              {above.map((page) => (
                <Anchor key={page.to} component={Link} to={page.to} size="sm">
                  {page.title}
                </Anchor>
              ))}
            </Breadcrumbs>
          )}
          <Title order={1} ref={heading} tabIndex={-1} className="nora-wrap">
            {title}
          </Title>
          {description && (
            <Text c="dimmed" size="sm" maw="46rem">
              {description}
            </Text>
          )}
        </Stack>
        {actions && <Group gap="xs">{actions}</Group>}
      </Group>
      {children}
    </Stack>
  )
}
