package bench;

import com.fasterxml.jackson.annotation.JsonAutoDetect;
import com.fasterxml.jackson.annotation.JsonInclude;
import java.util.TreeMap;

/** The row of one person: touches, daily counts of the last 30 days, membership, and when it was asked. */
@JsonAutoDetect(fieldVisibility = JsonAutoDetect.Visibility.ANY)
@JsonInclude(JsonInclude.Include.NON_NULL)
public final class Profile {
    static final long DAY_MS = 86_400_000L;
    static final int WINDOW_DAYS = 30;
    static final int MORE_THAN_REPORTS = 20;
    static final long COOLDOWN_MS = 90 * DAY_MS;

    /** A campaign and when it brought the person. */
    public record Touch(String campaign, long at) {}

    Touch first;
    Touch last;
    long latestDay;
    TreeMap<Long, int[]> days = new TreeMap<>();
    boolean member;
    Long askedAt;

    /** Fold one event; true: the person has just become a member and is to be asked. */
    boolean add(Event event) {
        touch(event);
        count(event);
        boolean inside = reports() > MORE_THAN_REPORTS && shares() >= 1;
        boolean entered = inside && !member;
        member = inside;
        if (!entered || (askedAt != null && event.at() < askedAt + COOLDOWN_MS)) {
            return false;
        }
        askedAt = event.at();
        return true;
    }

    int reports() {
        return sum(0);
    }

    int shares() {
        return sum(1);
    }

    private void touch(Event event) {
        if (event.campaign() == null) {
            return;
        }
        if (first == null || event.at() < first.at()) {
            first = new Touch(event.campaign(), event.at());
        }
        if (last == null || event.at() >= last.at()) {
            last = new Touch(event.campaign(), event.at());
        }
    }

    private void count(Event event) {
        long day = Math.floorDiv(event.at(), DAY_MS);
        if (day > latestDay) {
            latestDay = day;
            days.headMap(latestDay - WINDOW_DAYS, true).clear();
        }
        if (day <= latestDay - WINDOW_DAYS) {
            return;
        }
        int[] counts = days.computeIfAbsent(day, unseen -> new int[3]);
        switch (event.name()) {
            case "Report Viewed" -> counts[0]++;
            case "Dashboard Shared" -> counts[1]++;
            default -> counts[2]++;
        }
    }

    private int sum(int which) {
        int total = 0;
        for (int[] counts : days.values()) {
            total += counts[which];
        }
        return total;
    }
}
