import { Paper, Table, Text } from '@mantine/core'
import { useMediaQuery } from '@mantine/hooks'
import { Fragment, type ReactNode } from 'react'
import classes from './data-table.module.css'

export type Column<T> = {
  /** What the column is called; an empty one is for buttons and is read out as "Actions". */
  title: string
  cell: (row: T) => ReactNode
  /** Left out on a phone. */
  wideOnly?: boolean
  align?: 'right'
  /** Sentences, which stand below their title on a phone. */
  long?: true
  /** A CSS width. */
  width?: string
}

type DataTableProps<T> = {
  /** What the rows are, for people who do not see the page. */
  label: string
  rows: readonly T[]
  columns: readonly Column<T>[]
  rowKey: (row: T) => string
  /** What is shown below a row, over its whole width; nothing for a row that is not opened. */
  detail?: ((row: T) => ReactNode) | undefined
}

/** A table on a desk, a list of cards on a phone: the first column is each card's heading. */
export function DataTable<T>({ label, rows, columns, rowKey, detail }: DataTableProps<T>) {
  const narrow = useMediaQuery('(max-width: 48em)', false, { getInitialValueInEffect: false })
  return narrow ? (
    <Cards {...{ label, rows, columns, rowKey, detail }} />
  ) : (
    <Paper
      withBorder
      radius="md"
      className={classes['scroll']!}
      tabIndex={0}
      role="region"
      aria-label={label}
    >
      <Table highlightOnHover verticalSpacing="sm" horizontalSpacing="md">
        <Table.Thead>
          <Table.Tr>
            {columns.map(({ title, align, width }) => (
              <Table.Th key={title} ta={align} w={width} scope="col">
                {title === '' ? <span className={classes['unseen']}>Actions</span> : title}
              </Table.Th>
            ))}
          </Table.Tr>
        </Table.Thead>
        <Table.Tbody>
          {rows.map((row) => {
            const below = detail?.(row)
            return (
              <Fragment key={rowKey(row)}>
                <Table.Tr>
                  {columns.map(({ title, cell, align }) => (
                    <Table.Td key={title} ta={align}>
                      {cell(row)}
                    </Table.Td>
                  ))}
                </Table.Tr>
                {below && (
                  <Table.Tr>
                    <Table.Td colSpan={columns.length}>{below}</Table.Td>
                  </Table.Tr>
                )}
              </Fragment>
            )
          })}
        </Table.Tbody>
      </Table>
    </Paper>
  )
}

function Cards<T>({ label, rows, columns, rowKey, detail }: DataTableProps<T>) {
  const [first, ...others] = columns
  const shown = others.filter((column) => !column.wideOnly)
  const facts = shown.filter(({ title }) => title !== '')
  const buttons = shown.filter(({ title }) => title === '')
  return (
    <ul className={classes['cards']} aria-label={label}>
      {rows.map((row) => (
        <Paper withBorder radius="md" p="md" component="li" key={rowKey(row)}>
          <div className={classes['heading']}>{first?.cell(row)}</div>
          {facts.length > 0 && (
            <dl className={classes['facts']}>
              {facts.map(({ title, cell, long }) => (
                <div key={title} className={classes[long ? 'passage' : 'fact']}>
                  <Text component="dt" size="sm" c="dimmed">
                    {title}
                  </Text>
                  <dd className={classes['value']}>{cell(row)}</dd>
                </div>
              ))}
            </dl>
          )}
          {buttons.map(({ title, cell }) => (
            <div key={title} className={classes['buttons']}>
              {cell(row)}
            </div>
          ))}
          {detail?.(row)}
        </Paper>
      ))}
    </ul>
  )
}
