//! `alerts.webhook`: everything that is to be told, in order, several at once if they wait.

use std::sync::Arc;

use tokio::time::sleep;

use super::DeliveryLimits;
use super::body::{Notice, Post};
use super::queue::Queue;
use crate::http_client::Receiver;

/// Notices in one POST.
const MOST_AT_ONCE: usize = 20;
/// So often a notice is sent to a receiver that refuses it.
const REFUSALS: u32 = 3;

/// Delivers until it is dropped.
pub(super) async fn deliver(
    queue: Arc<Queue<Arc<Notice>>>,
    mut receiver: Receiver,
    component: String,
    limits: DeliveryLimits,
) {
    let mut refusals = 0_u32;
    let mut told_dropped = 0;
    loop {
        queue.drop_older(limits.give_up);
        tell_dropped(&queue, &mut told_dropped);
        // What was refused is sent one by one, to find out which it is.
        let batch = queue.first(if refusals == 0 { MOST_AT_ONCE } else { 1 }).await;
        let body = Post::new(&component, queue.dropped(), batch.items.iter().map(Arc::as_ref));
        match receiver.post(&body).await {
            Ok(()) => {
                refusals = 0;
                queue.delivered(&batch);
            }
            Err((trouble, pause)) => {
                refusals = if trouble.is_refusal() { refusals.saturating_add(1) } else { 0 };
                if refusals >= REFUSALS {
                    queue.refused(&batch);
                    refusals = 1;
                }
                sleep(pause).await;
            }
        }
    }
}

fn tell_dropped(queue: &Queue<Arc<Notice>>, told: &mut u64) {
    let dropped = queue.dropped();
    if dropped > *told {
        let count = dropped.saturating_sub(*told);
        tracing::warn!(count, "alerts.webhook: what could not be delivered in time was dropped");
        *told = dropped;
    }
}
