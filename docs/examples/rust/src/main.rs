//! Print every quote of a table that may be acted on, one a line: index, amounts, slot, price impact, flags and mints;
//! then follow changes for as many seconds as asked. The same program as docs/examples/shm_reader.c.
//!
//!     cargo run --release --offline -- /dev/shm/solquote-1000/quotes-internal.mmap [SECONDS [AGE_NS_MAX]]

mod kernel;
mod layout;
mod table;

use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;
use std::time::{SystemTime, UNIX_EPOCH};

use table::{Follower, Life, Quote, Table};

const WAIT_NS: i64 = 100_000_000;

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let numbers: Result<Vec<i64>, _> = words.iter().skip(1).map(|word| word.parse()).collect();
    let (Some(path), Ok(numbers), 1..=3) = (words.first(), numbers, words.len()) else {
        eprintln!("usage: solquote-shm-reader TABLE [SECONDS [AGE_NS_MAX]]");
        return ExitCode::from(2);
    };
    let seconds = numbers.first().copied().unwrap_or(0);
    let age_ns_max = numbers.get(1).copied().unwrap_or(5_000_000_000);
    let table = match Table::attach(Path::new(path)) {
        Ok(table) => table,
        Err(refusal) => {
            eprintln!("cannot attach to {path}: {refusal}");
            return ExitCode::FAILURE;
        }
    };
    match follow(&table, seconds.saturating_mul(1_000_000_000), age_ns_max) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("cannot print: {error}");
            ExitCode::FAILURE
        }
    }
}

fn follow(table: &Table, for_ns: i64, age_ns_max: i64) -> io::Result<()> {
    let begin_ns = kernel::mono_ns();
    let mut follower = Follower::of(table);
    let mut changed = Vec::new();
    let mut out = io::stdout().lock();
    loop {
        follower.poll(table, &mut changed); // the first poll names everything
        for &index in &changed {
            let Some(quote) = table.read(index) else { continue };
            if quote.is_fresh(unix_ns(), age_ns_max) && table.life() == Life::Live {
                print_quote(&mut out, index, &quote)?;
            }
        }
        out.flush()?;
        if kernel::mono_ns() - begin_ns >= for_ns {
            break;
        }
        follower.wait(table, WAIT_NS);
    }
    if table.life() != Life::Live {
        eprintln!("the writer is not live: {:?}", table.life());
    }
    Ok(())
}

fn print_quote(out: &mut impl Write, index: usize, quote: &Quote) -> io::Result<()> {
    let (input, output) = (quote.input_amount(), quote.output_amount());
    let (slot, impact, flags) = (quote.slot(), quote.price_impact_ppm(), quote.flags());
    let (sold, bought) = (hexadecimal(quote.input_mint()), hexadecimal(quote.output_mint()));
    writeln!(out, "{index} {input} {output} {slot} {impact} {flags} {sold} {bought}")
}

fn hexadecimal(mint: [u8; 32]) -> String {
    mint.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn unix_ns() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_nanos() as i64)
}
