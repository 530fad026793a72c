import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.text.DateFormat;
import java.text.DateFormatSymbols;
import java.text.DecimalFormat;
import java.text.DecimalFormatSymbols;
import java.text.NumberFormat;
import java.text.SimpleDateFormat;
import java.util.ArrayList;
import java.util.Calendar;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/** Writes down how Java formats numbers and dates in the languages we know: locales.txt. See scripts/ftl-corpus. */
public class Locales {
    static final String[] LOCALES = (
            "ar-EG bg-BG bn-BD ca-ES cs-CZ da-DK de-DE de-AT de-CH el-GR en-US en-AU en-CA en-GB en-IE en-IN en-NZ en-ZA es-ES es-AR es-CL es-CO es-MX es-PE es-US "
            + "et-EE eu-ES fa-IR fi-FI fr-FR fr-BE fr-CA fr-CH ga-IE gl-ES he-IL hi-IN hr-HR hu-HU id-ID is-IS it-IT it-CH ja-JP ko-KR lt-LT lv-LV mk-MK ms-MY nb-NO "
            + "nl-NL nl-BE pl-PL pt-BR pt-PT ro-RO ru-RU sk-SK sl-SI sq-AL sr-RS sv-SE sw-KE th-TH tr-TR uk-UA ur-PK vi-VN zh-CN zh-HK zh-TW").split(" ");

    static final int[] STYLES = {DateFormat.SHORT, DateFormat.MEDIUM, DateFormat.LONG, DateFormat.FULL};

    public static void main(String[] arguments) {
        PrintStream out = new PrintStream(System.out, false, StandardCharsets.UTF_8);
        out.println("# Formats of numbers and dates by locale, from the Common Locale Data Repository as Java " + System.getProperty("java.specification.version")
                + " has it. Copyright Unicode, Inc., Unicode License v3.");
        out.println("# Written by testdata/regenerate/Locales.java. The columns: tag, decimal separator, grouping separator, minus, zero, percent sign; patterns of");
        out.println("# percentages and money, symbol, decimal and grouping separator of money; months, months alone, short, short alone; weekdays, short; halves of the day; eras;");
        out.println("# patterns of dates and times, short to full; what stands between date and time, short to full.");
        String last = "";
        for (String tag : LOCALES) {
            Locale locale = Locale.forLanguageTag(tag);
            DecimalFormatSymbols numbers = DecimalFormatSymbols.getInstance(locale);
            DateFormatSymbols dates = DateFormatSymbols.getInstance(locale);
            List<String> columns = new ArrayList<>();
            columns.add(locale.getLanguage().equals(last) ? tag : locale.getLanguage());
            last = locale.getLanguage();
            columns.add("" + numbers.getDecimalSeparator());
            columns.add("" + numbers.getGroupingSeparator());
            columns.add(new DecimalFormat("0", numbers).getNegativePrefix());
            columns.add("" + numbers.getZeroDigit());
            columns.add(new DecimalFormat("0%", numbers).getPositiveSuffix());
            columns.add(((DecimalFormat) NumberFormat.getPercentInstance(locale)).toPattern());
            columns.add(((DecimalFormat) NumberFormat.getCurrencyInstance(locale)).toPattern());
            columns.add(numbers.getCurrencySymbol());
            columns.add("" + numbers.getMonetaryDecimalSeparator());
            columns.add("" + numbers.getMonetaryGroupingSeparator());
            columns.add(String.join("|", List.of(dates.getMonths()).subList(0, 12)));
            columns.add(alone(locale, Calendar.LONG_STANDALONE, dates.getMonths()));
            columns.add(String.join("|", List.of(dates.getShortMonths()).subList(0, 12)));
            columns.add(alone(locale, Calendar.SHORT_STANDALONE, dates.getShortMonths()));
            columns.add(String.join("|", List.of(dates.getWeekdays()).subList(1, 8)));
            columns.add(String.join("|", List.of(dates.getShortWeekdays()).subList(1, 8)));
            columns.add(String.join("|", dates.getAmPmStrings()));
            columns.add(String.join("|", dates.getEras()));
            List<String> days = new ArrayList<>();
            List<String> times = new ArrayList<>();
            List<String> between = new ArrayList<>();
            for (int style : STYLES) {
                String day = ((SimpleDateFormat) DateFormat.getDateInstance(style, locale)).toPattern();
                String time = ((SimpleDateFormat) DateFormat.getTimeInstance(style, locale)).toPattern();
                String both = ((SimpleDateFormat) DateFormat.getDateTimeInstance(style, style, locale)).toPattern();
                days.add(day);
                times.add(time);
                between.add(both.replace(day, "{1}").replace(time, "{0}"));
            }
            columns.add(String.join("|", days));
            columns.add(String.join("|", times));
            columns.add(String.join("|", between));
            String line = String.join("\t", columns);
            if (columns.size() != 22 || columns.stream().anyMatch(c -> c.contains("\t"))) throw new IllegalStateException(line);
            out.println(line);
        }
        out.flush();
    }

    /** The names of months that stand without a day, empty when they are the others. */
    static String alone(Locale locale, int style, String[] names) {
        Map<String, Integer> found = Calendar.getInstance(locale).getDisplayNames(Calendar.MONTH, style, locale);
        if (found == null) return "";
        List<String> months = new ArrayList<>();
        for (int month = 0; month < 12; month++) {
            int wanted = month;
            months.add(found.entrySet().stream().filter(e -> e.getValue() == wanted).map(Map.Entry::getKey).findFirst().orElse(names[month]));
        }
        return months.equals(List.of(names).subList(0, 12)) ? "" : String.join("|", months);
    }
}
