"""Epochs for tests of figures."""

from lstmctl.history import EpochRecord


def record(epoch, loss, accuracy, val_loss, val_accuracy):
    return EpochRecord(
        epoch=epoch,
        loss=loss,
        accuracy=accuracy,
        val_loss=val_loss,
        val_accuracy=val_accuracy,
        val_low=0.0,
        val_high=1.0,
        learning_rate=0.001,
        seconds=5.0,
    )


THREE = (
    record(1, 0.455, 0.779, 0.319, 0.872),
    record(2, 0.289, 0.888, 0.295, 0.881),
    record(3, 0.221, 0.912, 0.318, 0.879),
)
