//! Many jobs in one transaction: who fails, who is told.

use super::*;

fn writer() -> Writer {
    let conn = Connection::open_in_memory().unwrap();
    conn.execute_batch("CREATE TABLE numbers (n INTEGER PRIMARY KEY)").unwrap();
    Writer::start(conn).unwrap()
}

fn insert(conn: &Connection, n: i64) -> Result<usize, StoreError> {
    query::run(conn, "INSERT INTO numbers (n) VALUES (?1)", [n])
}

async fn numbers(writer: &Writer) -> Vec<i64> {
    let all =
        |conn: &Connection| query::many(conn, "SELECT n FROM numbers ORDER BY n", [], |row| Ok(row.get(0)?));
    writer.write(0, all).await.unwrap()
}

/// Holds the writer until told otherwise, so that what follows shares a transaction.
fn hold(writer: &Writer) -> (impl Future<Output = Result<(), StoreError>> + '_, std::sync::mpsc::Sender<()>) {
    let (release, held) = std::sync::mpsc::channel::<()>();
    let wait = writer.write(0, move |_| {
        let _ = held.recv();
        Ok(())
    });
    (wait, release)
}

#[tokio::test]
async fn a_job_that_fails_is_undone_alone() {
    let writer = writer();
    let (wait, release) = hold(&writer);
    let failing = |conn: &Connection| {
        insert(conn, 2)?;
        Err::<(), _>(StoreError::Database("refused".to_owned()))
    };
    let all = async {
        tokio::join!(
            wait,
            writer.write(0, |conn| insert(conn, 1)),
            writer.write(0, failing),
            writer.write(0, |conn| insert(conn, 3)),
            async { release.send(()) },
        )
    };
    let (_, first, second, third, _) = all.await;
    assert_eq!((first, third), (Ok(1), Ok(1)));
    assert_eq!(second, Err(StoreError::Database("refused".to_owned())));
    assert_eq!(numbers(&writer).await, [1, 3]);
}

#[tokio::test]
async fn a_job_that_panics_is_undone_and_the_writer_goes_on() {
    let writer = writer();
    let panicking = |conn: &Connection| -> Result<(), StoreError> {
        insert(conn, 1)?;
        panic!("a fault")
    };
    let error = writer.write(0, panicking).await.unwrap_err();
    assert!(error.to_string().contains("panicked"), "{error}");
    assert_eq!(writer.write(0, |conn| insert(conn, 2)).await, Ok(1));
    assert_eq!(numbers(&writer).await, [2]);
}

/// SQLite itself may roll the transaction back; then nobody is told that his write is
/// safe.
#[tokio::test]
async fn when_the_transaction_is_lost_everybody_in_it_hears_so() {
    let writer = writer();
    let (wait, release) = hold(&writer);
    let losing = |conn: &Connection| {
        conn.execute_batch("ROLLBACK")?;
        Err::<(), _>(StoreError::NotWritable("disk full".to_owned()))
    };
    let (held, first, second, _) =
        tokio::join!(wait, writer.write(0, |conn| insert(conn, 1)), writer.write(0, losing), async {
            release.send(())
        },);
    let lost = StoreError::Unavailable("another write in the same transaction failed".to_owned());
    assert_eq!((held, first), (Err(lost.clone()), Err(lost)));
    assert_eq!(second, Err(StoreError::NotWritable("disk full".to_owned())));
    assert_eq!(writer.write(0, |conn| insert(conn, 4)).await, Ok(1));
    assert_eq!(numbers(&writer).await, [4]);
}

#[tokio::test]
async fn what_is_queued_is_written_before_the_writer_stops() {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("numbers.db");
    let conn = Connection::open(&path).unwrap();
    conn.execute_batch("CREATE TABLE numbers (n INTEGER PRIMARY KEY)").unwrap();
    let writer = Writer::start(conn).unwrap();
    {
        // Queued, but nobody waits for the answer any more.
        let write = writer.write(0, |conn| insert(conn, 1));
        tokio::pin!(write);
        tokio::select! { biased; _ = &mut write => {}, () = std::future::ready(()) => {} }
    }
    drop(writer);
    let count: i64 = Connection::open(&path)
        .unwrap()
        .query_row("SELECT count(*) FROM numbers", [], |row| row.get(0))
        .unwrap();
    assert_eq!(count, 1);
}
