UPDATE notifier.setting SET bell = false;
